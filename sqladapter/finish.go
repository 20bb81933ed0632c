package sqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var errLostBeforeCommit = errors.New("sqladapter: the connection was lost before COMMIT was sent")

// close ends the attempt for handlers, cutting off a statement that a goroutine
// has under way, and returns its transaction, nil if none was begun.
func (w *work) close() *sql.Tx {
	if w.underWay.Load() > 0 { // else rows that were left open would lose their connection
		w.cancel(txctx.ErrAttemptOver)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed, w.ending = true, true
	return w.tx
}

// Judge implements [txctx.Tx]. The wrapper sees everything, so there is nothing
// to add.
func (w *work) Judge(err error) error { return err }

// Commit implements [txctx.Tx].
func (w *work) Commit(ctx context.Context) (txctx.Outcome, error) {
	tx := w.close()
	defer w.cancel(txctx.ErrAttemptOver)
	if tx == nil {
		return txctx.Committed, nil
	}
	if w.stop != nil {
		defer context.AfterFunc(ctx, w.stop)() // what drivers run COMMIT under ends with ctx
		defer w.stop()
	}
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
	tx := w.close()
	defer w.cancel(txctx.ErrAttemptOver)
	if tx == nil {
		return nil
	}
	if w.stop != nil {
		defer context.AfterFunc(ctx, w.stop)()
		defer w.stop()
	}
	err := tx.Rollback()
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, driver.ErrBadConn) {
		return nil // it is over, or the connection has been closed
	}
	return err
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
	if !t.w.isEnding() {
		return t.managed()
	}
	outcome, err := t.commit()
	t.w.mu.Lock()
	t.w.ended, t.w.outcome, t.w.commitErr = true, outcome, err
	t.w.mu.Unlock()
	if outcome == txctx.Unknown || retryable.ReasonOf(err).Outage() {
		return driver.ErrBadConn
	}
	return err
}

func (t *driverTx) commit() (txctx.Outcome, error) {
	t.w.mu.Lock()
	cause := t.w.cause
	t.w.mu.Unlock()
	if cause != nil {
		_ = t.inner.Rollback()
		return txctx.RolledBack, cause
	}
	if v, ok := t.conn.inner.(driver.Validator); ok && !v.IsValid() {
		return txctx.RolledBack, &retryable.Error{Reason: retryable.Disconnected, Err: errLostBeforeCommit}
	}
	err := t.inner.Commit()
	if err == nil {
		return txctx.Committed, nil
	}
	marked := hide(t.w.mark(err, retryable.Commit))
	if retryable.ReasonOf(marked) == retryable.CommitUnknown {
		return txctx.Unknown, marked
	}
	return txctx.RolledBack, marked
}

// Rollback implements [driver.Tx].
func (t *driverTx) Rollback() error {
	defer t.conn.forget()
	switch {
	case !t.handed.Load():
		return t.rollback(retryable.None)
	case !t.w.isEnding():
		return t.managed()
	}
	t.w.mu.Lock()
	lost := retryable.ReasonOf(t.w.cause)
	t.w.mu.Unlock()
	return t.rollback(lost)
}

func (t *driverTx) rollback(lost retryable.Reason) error {
	err := t.inner.Rollback()
	if err != nil || lost == retryable.Disconnected || lost == retryable.Failover {
		return driver.ErrBadConn // it leads to the wrong server, or nowhere
	}
	return nil
}

// managed answers a handler that ends the transaction itself.
func (t *driverTx) managed() error {
	t.w.c.Doom(txctx.ErrManaged, retryable.Statement)
	if err := t.rollback(retryable.None); err != nil {
		return err
	}
	return txctx.ErrManaged
}

func (w *work) isEnding() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ending
}
