package sqliteadapter

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"
)

// connector makes connections that queue for the one writer SQLite allows.
type connector struct {
	driver.Connector
	writer chan struct{} // holds one token while somebody writes
}

// raw is what connections of modernc.org/sqlite are.
type raw interface {
	driver.Conn
	driver.Pinger
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
}

// Connect implements [driver.Connector].
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	r, ok := inner.(raw)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("sqliteadapter: %T is no connection of modernc.org/sqlite", inner)
	}
	return &conn{raw: r, writer: c.writer}, nil
}

// conn is a connection whose transactions queue, if they may write.
type conn struct {
	raw
	writer chan struct{}
}

// Raw returns the driver's own connection.
func (c *conn) Raw() driver.Conn { return c.raw }

// patience bounds the wait for the writer before: a handler that begins a second
// transaction would wait for itself. SQLite's own busy_timeout comes after it.
const patience = 5 * time.Second

// BeginTx implements [driver.ConnBeginTx].
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if o.ReadOnly {
		return c.beginReadOnly(ctx, o)
	}
	release, err := c.queue(ctx)
	if err != nil {
		return nil, err
	}
	inner, err := c.raw.BeginTx(ctx, o)
	if err != nil {
		release()
		return nil, err
	}
	return &tx{Tx: inner, after: func() error { release(); return nil }}, nil
}

// queue waits for the writer before.
func (c *conn) queue(ctx context.Context) (release func(), err error) {
	release = func() { <-c.writer }
	select {
	case c.writer <- struct{}{}:
		return release, nil
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case c.writer <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-timer.C:
		return func() {}, nil
	}
}

// beginReadOnly begins a transaction in which SQLite refuses to write.
func (c *conn) beginReadOnly(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.queryOnly(ctx, "on"); err != nil {
		return nil, err
	}
	inner, err := c.raw.BeginTx(ctx, o)
	if err != nil {
		_ = c.queryOnly(context.WithoutCancel(ctx), "off")
		return nil, err
	}
	after := func() error { return c.queryOnly(context.Background(), "off") }
	return &tx{Tx: inner, after: after}, nil
}

func (c *conn) queryOnly(ctx context.Context, value string) error {
	_, err := c.ExecContext(ctx, "pragma query_only="+value, nil)
	return err
}

// tx is a transaction that cleans up after itself.
type tx struct {
	driver.Tx
	after func() error
}

// Commit implements [driver.Tx]. That the connection could not be cleaned up
// afterwards does not make the commit undone: Validator keeps it out of the pool.
func (t *tx) Commit() error {
	err := t.Tx.Commit()
	_ = t.after()
	return err
}

// Rollback implements [driver.Tx].
func (t *tx) Rollback() error {
	err := t.Tx.Rollback()
	if aerr := t.after(); err == nil {
		err = aerr
	}
	return err
}
