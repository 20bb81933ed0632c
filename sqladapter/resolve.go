package sqladapter

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// recordedWork is a work with a row in the ledger, so that what became of its COMMIT can
// be found out.
type recordedWork struct{ *work }

var _ txctx.Resolver = recordedWork{}

var (
	errNotWritable = errors.New("sqladapter: the server takes no writes, and may lag behind the one that does")
	errVanished    = &retryable.Error{
		Reason: retryable.Serialization,
		Err:    errors.New("sqladapter: the row of the ledger was there, and is gone"),
	}
)

// Resolve implements [txctx.Resolver] by the ledger. Where nothing was written, nothing
// needs to be known.
func (w recordedWork) Resolve(ctx context.Context) (txctx.Outcome, error) {
	if !w.wrote.Load() {
		return txctx.RolledBack, nil
	}
	outcome, err := w.look(ctx)
	reason := retryable.ReasonOf(err)
	if end := w.db.cfg.Ledger.EndOwner; end != nil && reason == retryable.LockTimeout && ctx.Err() == nil {
		end(ctx, w.begun.conn.inner)
	}
	if err != nil && reason == retryable.None {
		err = fmt.Errorf("sqladapter: the ledger cannot be asked: %w", err)
	}
	return outcome, hide(err)
}

// look asks once. It returns an error where it has to be asked again, marked with the
// reason if there is one, and if there is none where asking again would not help.
//
// The connection is a new one: those of the pool may all be in use by those who wait
// for the locks of the attempt.
func (w recordedWork) look(ctx context.Context) (txctx.Outcome, error) {
	l := &w.db.cfg.Ledger
	inner, err := w.db.connector.Connect(ctx)
	if err != nil {
		return txctx.Unknown, w.mark(err, retryable.Connect)
	}
	defer inner.Close() // which rolls back what is open
	c := &conn{inner: inner}
	if err := w.witness(ctx, c); err != nil {
		return txctx.Unknown, err
	}
	run, attempt := w.c.RunID(), w.c.Number()
	// In a transaction, and not by autocommit: an answer that is lost must not make
	// anybody send it again.
	tx, err := c.begin(ctx, driver.TxOptions{})
	if err != nil {
		return txctx.Unknown, w.mark(err, retryable.Statement)
	}
	if err := c.direct(ctx, l.Book.Void(run, attempt)); err == nil {
		if err := sendCommit(ctx, tx); err != nil { // the next look will tell
			return txctx.Unknown, &retryable.Error{Reason: retryable.CommitUnknown, Err: err}
		}
		return txctx.RolledBack, nil
	} else if !l.Duplicate(err) {
		return txctx.Unknown, w.mark(err, retryable.Statement)
	}
	if err := sendRollback(ctx, tx); err != nil {
		return txctx.Unknown, &retryable.Error{Reason: retryable.Disconnected, Err: err}
	}
	switch void, err := c.number(ctx, l.Book.Look(run, attempt)); {
	case err != nil:
		return txctx.Unknown, w.mark(err, retryable.Statement)
	case void == "0":
		return txctx.Committed, nil
	case void == "1":
		return txctx.RolledBack, nil
	}
	return txctx.Unknown, errVanished
}

// witness prepares a connection, and returns an error where its server cannot tell.
func (w recordedWork) witness(ctx context.Context, c *conn) error {
	l := &w.db.cfg.Ledger
	if l.Hurry != "" {
		if err := c.direct(ctx, l.Hurry); err != nil {
			return w.mark(err, retryable.Statement)
		}
	}
	if l.Writable == "" {
		return nil
	}
	switch answer, err := c.number(ctx, l.Writable); {
	case err != nil:
		return w.mark(err, retryable.Statement)
	case answer != "1":
		return &retryable.Error{Reason: retryable.Failover, Err: errNotWritable}
	}
	return nil
}
