package sqlfault

import (
	"context"
	"database/sql/driver"
)

// tx is the transaction of a connection that can be cut.
type tx struct {
	conn  *conn
	inner driver.Tx
}

// Begin implements [driver.Conn]; database/sql uses BeginTx.
func (c *conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

// BeginTx implements [driver.ConnBeginTx].
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	var inner driver.Tx
	err := c.call(func() (err error) {
		inner, err = c.inner.BeginTx(ctx, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &tx{c, inner}, nil
}

// Commit implements [driver.Tx]. A COMMIT on a connection that is dead already
// has no answer to lose.
func (t *tx) Commit() error {
	return t.conn.call(func() error {
		order := t.conn.owner.lose()
		if order == nil {
			return t.inner.Commit()
		}
		if order.delivered {
			_ = t.inner.Commit()
		}
		t.conn.cutOff() // which waits for the end of this call
		order.happened.Add(1)
		return driver.ErrBadConn
	})
}

// Rollback implements [driver.Tx].
func (t *tx) Rollback() error { return t.conn.call(t.inner.Rollback) }
