package sqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/reprise-go/reprise/internal/sqltext"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// work is the transaction of one attempt. Handlers reach it through database/sql,
// which lets one statement at a time come to the wrapped connection:
//
//	sql.Tx -> conn: enter (refuse) -> driver -> leave (judge the error)
type work struct {
	db     *DB
	c      *txctx.Control
	ctx    context.Context // of the attempt; ends when the attempt does
	cancel context.CancelCauseFunc

	underWay atomic.Int32 // calls of the driver
	unusable atomic.Bool  // the connection must not be used again
	wrote    atomic.Bool  // or may have, which the ledger records
	skipped  atomic.Bool  // the driver wants the last statement to be prepared

	mu         sync.Mutex // guards what follows
	tx         *sql.Tx    // nil before the first Tx
	stop       context.CancelFunc
	checked    bool            // make sure that connections are alive before BEGIN
	unanswered bool            // a dial was under way when the wait for a connection ended
	closed     bool            // the attempt is over
	endCtx     context.Context // what the engine ends tx under; nil before it does
	cause      error
	begun      *driverTx // of tx
	ended      bool      // COMMIT came to the driver, with this result:
	outcome    txctx.Outcome
	commitErr  error
	savepoints []savepoint
}

// enter refuses a statement where the attempt is doomed, over, or about to be
// ended by it. Otherwise it returns the context to run the statement under.
func (w *work) enter(ctx context.Context, query string) (context.Context, error) {
	if err := w.inject(ctx, query); err != nil {
		return nil, err
	}
	said := w.db.texts.Of(query)
	if doom := w.c.Doomed(); doom != nil {
		// A lock that was not granted can be forgiven by the rollback of a savepoint.
		if said.verb != sqltext.RollbackTo || retryable.ReasonOf(doom) != retryable.LockTimeout {
			return nil, doom
		}
	}
	switch said.verb {
	case sqltext.Commit, sqltext.Rollback, sqltext.Begin:
		err := fmt.Errorf("sqladapter: the transaction was to be ended by a statement: %w", txctx.ErrManaged)
		w.c.Doom(err, retryable.Statement)
		return nil, err
	case sqltext.Savepoint:
		w.makeSavepoint(said.savepoint)
	}
	if said.fence != "" {
		w.c.Fence(said.fence)
	}
	if query != "" && !said.reads {
		w.noteWrite()
	}
	if ctx.Done() == nil { // it would run on when the attempt has ended
		ctx = bound{ctx, w.ctx}
	}
	w.underWay.Add(1)
	return ctx, nil
}

// bound is a context that cannot end, bound to the end of the attempt.
type bound struct {
	context.Context
	attempt context.Context
}

func (b bound) Done() <-chan struct{} { return b.attempt.Done() }
func (b bound) Err() error            { return b.attempt.Err() }

// leave judges the error of a statement. What database/sql compares by == passes.
func (w *work) leave(ctx context.Context, query string, err error) error {
	w.underWay.Add(-1)
	switch err {
	case nil:
		switch said := w.db.texts.Of(query); said.verb {
		case sqltext.RollbackTo:
			w.rolledBackTo(said.savepoint)
		case sqltext.Release:
			w.released(said.savepoint)
		}
		return nil
	case driver.ErrSkip, driver.ErrRemoveArgument, io.EOF: //nolint:errorlint // driver's contract
		w.skipped.Store(err == driver.ErrSkip) //nolint:errorlint // driver's contract
		return err
	}
	w.skipped.Store(false)
	return w.judge(ctx, err)
}

// judge decides what the error of a statement means for the attempt. The first
// that dooms it counts.
func (w *work) judge(ctx context.Context, err error) error {
	if doom := w.c.Doomed(); doom != nil && !errors.Is(doom, txctx.ErrAttemptOver) {
		return hide(err)
	}
	w.noteUnusable(w.fault(err, retryable.Statement))
	marked := w.mark(err, retryable.Statement)
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(marked, retryable.ErrRetry)) {
		marked = w.cutOff(ctx, err)
		w.abandoned()
	} else if !errors.Is(marked, retryable.ErrRetry) {
		return hide(err)
	} else if deferred := w.db.cfg.Deferred; deferred != nil && deferred(err) {
		return hide(marked) // for the engine to find, if it leaves the handler
	}
	marked = hide(marked)
	w.mu.Lock()
	if w.cause == nil {
		w.cause = marked
	}
	w.mu.Unlock()
	w.c.Doom(marked, retryable.Statement)
	return marked
}

// noteUnusable notes whether an error is the end of the connection.
func (w *work) noteUnusable(f retryable.Fault) {
	if bad := w.db.cfg.Unusable; bad != nil && bad(f) {
		w.unusable.Store(true)
	}
}

// cutOff is the error of a statement whose own context ended: drivers give up the
// connection, or the transaction, with it. That is the caller's failure, unless it
// was the attempt's own time limit, which is there for networks that went silent.
func (w *work) cutOff(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, txctx.ErrAttemptTimeout), errors.Is(cause, txctx.ErrAttemptOver):
		return &retryable.Error{Reason: retryable.Disconnected, Err: fmt.Errorf("%w: %w", cause, err)}
	case errors.Is(err, cause):
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// abandoned tells the adapter if the driver has given up the connection.
func (w *work) abandoned() {
	if w.db.cfg.Abandoned == nil || w.begun == nil {
		return
	}
	inner := w.begun.conn.inner
	if v, ok := inner.(driver.Validator); ok && v.IsValid() {
		return
	}
	w.db.cfg.Abandoned(inner)
}

// hide returns err so that it is not driver.ErrBadConn any more: database/sql runs
// prepared statements again that fail with it, also inside a transaction.
func hide(err error) error {
	if !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	if marked, ok := errors.AsType[*retryable.Error](err); ok {
		return &retryable.Error{Reason: marked.Reason, Err: errLost}
	}
	return errLost
}

var errLost = errors.New("sqladapter: the connection was lost (driver: bad connection)")
