package sqliteadapter

import (
	"context"
	"database/sql/driver"
	"fmt"

	"modernc.org/sqlite"
)

// connector makes connections that queue for the one writer SQLite allows.
type connector struct {
	driver.Connector
	writers *queue
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
	h := hooksOf(inner)
	if !ok || h == nil {
		_ = inner.Close()
		return nil, fmt.Errorf("sqliteadapter: %T is no connection of modernc.org/sqlite", inner)
	}
	wrapped := &conn{raw: r, writers: c.writers}
	h.RegisterRollbackHook(func() { wrapped.rolledBack = true })
	if wrapped.queryOnly, err = wrapped.pragma(ctx, "query_only"); err != nil {
		_ = inner.Close()
		return nil, fmt.Errorf("sqliteadapter: %w", err)
	}
	return wrapped, nil
}

// hooks is the one way to see that SQLite has rolled back by itself.
type hooks interface {
	RegisterRollbackHook(sqlite.RollbackHookFn)
}

// hooksOf returns the hooks of a connection that others may have wrapped, nil if
// they do not give the driver's own away.
func hooksOf(c driver.Conn) hooks {
	for {
		switch v := c.(type) {
		case hooks:
			return v
		case interface{ Raw() driver.Conn }:
			c = v.Raw()
		default:
			return nil
		}
	}
}

// conn is a connection whose transactions queue, if they may write, and end where
// SQLite ends them: it rolls some back by itself, and would run what comes next
// without any. database/sql lets one call at a time come here.
type conn struct {
	raw
	writers   *queue
	queryOnly string // the pragma, between transactions

	open       bool  // a transaction is
	myTurn     bool  // to write
	readOnly   bool  // the pragma is on for the transaction
	rolledBack bool  // by SQLite, or by the text ROLLBACK
	lost       error // refuses the rest of a transaction that SQLite has rolled back
	spoiled    bool  // not to be used again
}

// Raw returns the connection beneath.
func (c *conn) Raw() driver.Conn { return c.raw }

// Close implements [driver.Conn]. A connection that broke is closed without the end
// of its transaction.
func (c *conn) Close() error {
	c.leaveQueue()
	return c.raw.Close()
}

// IsValid implements [driver.Validator].
func (c *conn) IsValid() bool { return !c.spoiled && c.raw.IsValid() }

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.refuse(); err != nil {
		return nil, err
	}
	res, err := c.raw.ExecContext(ctx, query, args)
	return res, c.note(err)
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.refuse(); err != nil {
		return nil, err
	}
	rows, err := c.raw.QueryContext(ctx, query, args)
	return rows, c.note(err)
}

// pragma returns the value of one.
func (c *conn) pragma(ctx context.Context, name string) (string, error) {
	rows, err := c.raw.QueryContext(ctx, "pragma "+name, nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	value := make([]driver.Value, 1)
	if err := rows.Next(value); err != nil {
		return "", err
	}
	return fmt.Sprint(value[0]), nil
}
