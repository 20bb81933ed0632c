package sqliteadapter

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// tx is a transaction that cleans up after itself.
type tx struct {
	driver.Tx
	conn *conn
}

// BeginTx implements [driver.ConnBeginTx].
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	begun := false
	defer func() {
		if !begun {
			c.end()
		}
	}()
	var err error
	if o.ReadOnly {
		c.readOnly = true
		_, err = c.raw.ExecContext(ctx, "pragma query_only=1", nil)
	} else {
		c.myTurn, err = c.writers.wait(ctx)
	}
	if err != nil {
		return nil, err
	}
	inner, err := c.raw.BeginTx(ctx, o)
	switch {
	case err == nil:
		c.rolledBack, c.lost = false, nil
		c.open, begun = true, true
		return &tx{inner, c}, nil
	case !o.ReadOnly && !c.myTurn:
		err = fmt.Errorf("%w: %w", errImpatient, err)
	}
	return nil, err
}

// end gives back what a transaction was given. A connection that cannot be made
// what it was is not used again.
func (c *conn) end() {
	c.open, c.rolledBack, c.lost = false, false, nil
	c.leaveQueue()
	if c.readOnly {
		c.readOnly = false
		_, err := c.raw.ExecContext(context.Background(), "pragma query_only="+c.queryOnly, nil)
		c.spoiled = c.spoiled || err != nil
	}
}

func (c *conn) leaveQueue() {
	if c.myTurn {
		c.myTurn = false
		c.writers.next()
	}
}

// Commit implements [driver.Tx].
func (t *tx) Commit() error {
	defer t.conn.end()
	if err := t.conn.refuse(); err != nil {
		return err
	}
	return t.Tx.Commit()
}

// Rollback implements [driver.Tx]. Where SQLite has rolled back there is nothing to
// do, and no reason to give the connection up: a database in memory would go with it.
func (t *tx) Rollback() error {
	defer t.conn.end()
	if t.conn.refuse() != nil {
		return nil
	}
	return t.Tx.Rollback()
}

// note looks, after a statement, whether SQLite has rolled the transaction back
// for its error.
func (c *conn) note(err error) error {
	switch {
	case !c.open || !c.rolledBack || c.lost != nil:
	case err != nil:
		c.lost = &rolledBackError{err}
	default: // the text ROLLBACK, which is refused in attempts
		c.rolledBack = false
	}
	return err
}

// refuse returns why there is no transaction any more.
func (c *conn) refuse() error {
	if c.open && c.rolledBack && c.lost == nil {
		c.lost = &rolledBackError{errUnseen}
	}
	return c.lost
}

// rolledBackError refuses what comes after the statement that made SQLite roll back.
type rolledBackError struct{ cause error }

func (e *rolledBackError) Error() string {
	return "sqliteadapter: SQLite has rolled the transaction back: " + e.cause.Error()
}

func (e *rolledBackError) Unwrap() error { return e.cause }

var errUnseen = errors.New("between two statements")
