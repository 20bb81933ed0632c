package sqladapter

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/retryable"
)

// recorded reports whether the attempt has a row in the ledger, if it writes.
func (w *work) recorded() bool { return w.db.cfg.Ledger.on() && !w.options().ReadOnly }

// noteWrite notes a statement that may write.
func (w *work) noteWrite() {
	if w.db.cfg.Ledger.on() && !w.wrote.Load() {
		w.wrote.Store(true)
	}
}

// record writes the row of the attempt, or adds the answer to the one that it has written
// with its key. Whatever fails here, COMMIT has not been sent: nothing is in doubt.
func (t *driverTx) record(ctx context.Context) error {
	w := t.w
	if !w.recorded() || !w.wrote.Load() {
		return nil
	}
	l := &w.db.cfg.Ledger
	row := l.Book.Mark(w.c.RunID(), w.c.Number())
	if answer := w.c.Answer(); answer != nil {
		row = l.Book.Keep(w.c.RunID(), w.c.Number(), ledger.Answer(*answer))
	}
	err := t.conn.direct(ctx, row)
	if err == nil {
		return nil
	}
	fault := w.fault(err, retryable.Statement)
	w.noteUnusable(fault)
	reason := w.db.cfg.Classify(fault)
	switch {
	case ctx.Err() != nil: // no answer in time
		reason = retryable.Disconnected
		w.abandoned()
	case l.Duplicate(err): // the attempt was found not to be committed, and must not be
		reason = retryable.Disconnected
	}
	err = fmt.Errorf("sqladapter: the attempt could not be recorded in the ledger: %w", hide(err))
	if reason == retryable.None {
		return err
	}
	return &retryable.Error{Reason: reason, Err: err}
}

// direct runs a statement on the driver's connection, past the attempt.
func (c *conn) direct(ctx context.Context, query string) error {
	if x, ok := c.inner.(driver.ExecerContext); ok {
		if _, err := x.ExecContext(ctx, query, nil); err != driver.ErrSkip { //nolint:errorlint // driver's contract
			return err
		}
	}
	inner, err := c.prepare(ctx, query)
	if err != nil {
		return err
	}
	defer inner.Close()
	_, err = (&stmt{Stmt: inner}).exec(ctx, nil)
	return err
}

// number returns the one number that a query answers, as text, "" for no row.
func (c *conn) number(ctx context.Context, query string) (string, error) {
	row, err := c.row(ctx, query, 1)
	if err != nil || row == nil {
		return "", err
	}
	return string(row[0]), nil
}

// directRows runs a query past the attempt. finish closes what it returns.
func (c *conn) directRows(ctx context.Context, query string) (rows driver.Rows, finish func(), err error) {
	if q, ok := c.inner.(driver.QueryerContext); ok {
		rows, err = q.QueryContext(ctx, query, nil)
		if err != driver.ErrSkip { //nolint:errorlint // driver's contract
			return rows, func() { _ = rows.Close() }, err
		}
	}
	inner, err := c.prepare(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	rows, err = (&stmt{Stmt: inner}).queryRows(ctx, nil)
	if err != nil {
		_ = inner.Close()
		return nil, nil, err
	}
	return rows, func() { _, _ = rows.Close(), inner.Close() }, nil
}
