package sqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var errLostBeforeCommit = errors.New("sqladapter: the connection was lost before COMMIT was sent")

// close ends the attempt for handlers, cutting off a statement that a goroutine
// has under way, and returns its transaction, nil if none was begun. From now on the
// transaction ends under ctx.
func (w *work) close(ctx context.Context) *sql.Tx {
	if w.underWay.Load() > 0 { // else rows that were left open would lose their connection
		w.cancel(txctx.ErrAttemptOver)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed, w.endCtx = true, ctx
	return w.tx
}

// Judge implements [txctx.Tx]. The wrapper sees everything, so there is nothing
// to add.
func (w *work) Judge(err error) error { return err }

// Commit implements [txctx.Tx].
func (w *work) Commit(ctx context.Context) (txctx.Outcome, error) {
	tx := w.close(ctx)
	defer w.cancel(txctx.ErrAttemptOver)
	if tx == nil {
		return txctx.Committed, nil
	}
	defer w.hangUp()
	defer context.AfterFunc(ctx, w.hangUp)()
	err := tx.Commit()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
		return w.outcome, w.commitErr
	case err == nil || errors.Is(err, sql.ErrTxDone): // ended behind our back
		err = txctx.ErrManaged
	}
	return txctx.RolledBack, err // database/sql did not let it through
}

// Rollback implements [txctx.Tx].
func (w *work) Rollback(ctx context.Context) error {
	tx := w.close(ctx)
	defer w.cancel(txctx.ErrAttemptOver)
	if tx == nil {
		return nil
	}
	defer w.hangUp()
	defer context.AfterFunc(ctx, w.hangUp)()
	err := tx.Rollback()
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, driver.ErrBadConn) {
		return nil // it is over, or the connection has been closed
	}
	return err
}

// hangUp ends all that the driver may be waiting under: what it runs COMMIT and
// ROLLBACK under, and what rows run under that were left open and are read to their
// end before.
func (w *work) hangUp() {
	w.cancel(txctx.ErrAttemptOver)
	w.mu.Lock()
	stop := w.stop
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// ending returns the context under which the engine ends the transaction, nil before
// it does.
func (w *work) ending() context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.endCtx
}

// detached returns a context for an end that the engine did not ask for.
func (w *work) detached() (context.Context, context.CancelFunc) {
	ctx := context.WithoutCancel(w.ctx)
	if limit := w.c.Policy().CommitTimeout; limit != retryable.Forever {
		return context.WithTimeout(ctx, limit)
	}
	return context.WithCancel(ctx)
}

// doomedBy returns the first error that a statement of the transaction was doomed by.
func (w *work) doomedBy() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}
