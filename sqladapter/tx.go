package sqladapter

import (
	"context"
	"database/sql/driver"
	"sync/atomic"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// ContextTx is a driver's transaction that can be ended under a context. Those that
// implement it are ended by these methods, under a context that ends with
// Policy.CommitTimeout: when it does they must give up the connection, and return
// soon.
//
// [driver.Tx] itself has no context. Drivers commit under the one of BeginTx, which
// the package cancels at the same time, or under none: then a server that goes silent
// at COMMIT holds the request as long as the driver reads, and such a driver needs a
// read timeout, or a connector that adds this interface.
type ContextTx interface {
	driver.Tx
	CommitContext(ctx context.Context) error
	RollbackContext(ctx context.Context) error
}

// driverTx is the driver's transaction inside of sql.Tx.
type driverTx struct {
	inner  driver.Tx
	conn   *conn
	w      *work
	handed atomic.Bool // to the handler; before, the end is not his
}

// Commit implements [driver.Tx]. database/sql has closed all rows before. Where
// the connection must not be used again it answers driver.ErrBadConn.
func (t *driverTx) Commit() error {
	defer t.conn.forget()
	ctx := t.w.ending()
	if ctx == nil {
		return t.managed()
	}
	outcome, err := t.commit(ctx)
	t.w.mu.Lock()
	t.w.ended, t.w.outcome, t.w.commitErr = true, outcome, err
	t.w.mu.Unlock()
	if reason := retryable.ReasonOf(err); outcome == txctx.Unknown || reason.Outage() || t.w.unusable.Load() {
		t.conn.lost(reason)
		return driver.ErrBadConn
	}
	return err
}

func (t *driverTx) commit(ctx context.Context) (txctx.Outcome, error) {
	if cause := t.w.doomedBy(); cause != nil {
		if sendRollback(ctx, t.inner) != nil {
			t.w.unusable.Store(true)
		}
		return txctx.RolledBack, cause
	}
	if t.severed() {
		return txctx.RolledBack, &retryable.Error{Reason: retryable.Disconnected, Err: errLostBeforeCommit}
	}
	if err := t.record(ctx); err != nil {
		if sendRollback(ctx, t.inner) != nil {
			t.w.unusable.Store(true)
		}
		return txctx.RolledBack, err
	}
	err := sendCommit(ctx, t.inner)
	if err == nil {
		return txctx.Committed, nil
	}
	t.w.noteUnusable(t.w.fault(err, retryable.Commit))
	marked := hide(t.w.mark(err, retryable.Commit))
	switch reason := retryable.ReasonOf(marked); {
	case reason == retryable.CommitUnknown:
		return txctx.Unknown, marked
	case reason == retryable.None && ctx.Err() != nil: // no answer, whatever the driver calls it
		return txctx.Unknown, &retryable.Error{Reason: retryable.CommitUnknown, Err: marked}
	}
	return txctx.RolledBack, marked
}

// severed reports whether the connection is known to be dead.
func (t *driverTx) severed() bool {
	if v, ok := t.conn.inner.(driver.Validator); ok && !v.IsValid() {
		return true
	}
	severed := t.w.db.cfg.Severed
	return severed != nil && severed(t.conn.inner)
}

// Rollback implements [driver.Tx].
func (t *driverTx) Rollback() error {
	defer t.conn.forget()
	if !t.handed.Load() { // it began too late, and is taken back while w is locked
		ctx, cancel := t.w.detached()
		defer cancel()
		return t.rollback(ctx, retryable.None)
	}
	ctx := t.w.ending()
	if ctx == nil {
		return t.managed()
	}
	return t.rollback(ctx, retryable.ReasonOf(t.w.doomedBy()))
}

// rollback rolls back a transaction doomed for a reason, and closes a connection that
// leads to the wrong server, or nowhere.
func (t *driverTx) rollback(ctx context.Context, reason retryable.Reason) error {
	err := sendRollback(ctx, t.inner)
	if err != nil || t.w.unusable.Load() || reason.Lost() {
		t.conn.lost(reason)
		return driver.ErrBadConn
	}
	return nil
}

// managed answers a handler that ends the transaction itself.
func (t *driverTx) managed() error {
	t.w.c.Doom(txctx.ErrManaged, retryable.Statement)
	ctx, cancel := t.w.detached()
	defer cancel()
	defer context.AfterFunc(ctx, t.w.hangUp)()
	if err := t.rollback(ctx, retryable.None); err != nil {
		return err
	}
	return txctx.ErrManaged
}

func sendCommit(ctx context.Context, tx driver.Tx) error {
	if x, ok := tx.(ContextTx); ok {
		return x.CommitContext(ctx)
	}
	return tx.Commit()
}

func sendRollback(ctx context.Context, tx driver.Tx) error {
	if x, ok := tx.(ContextTx); ok {
		return x.RollbackContext(ctx)
	}
	return tx.Rollback()
}
