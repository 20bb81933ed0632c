package sqladapter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// get returns the transaction and begins it the first time.
func (w *work) get(ctx context.Context) *sql.Tx {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		_ = w.c.Statement("") // a stray one will follow
		return overTx.get()
	}
	if w.tx == nil {
		w.begin(ctx)
	}
	return w.tx
}

// begin sets w.tx: to a transaction, or to one that answers why there is none.
// Whatever fails here dooms the attempt.
func (w *work) begin(ctx context.Context) {
	err := w.c.Doomed()
	if err == nil {
		w.checked = w.c.AfterLoss()
		err = w.c.Connect(ctx, w.connect)
		if err != nil {
			err = w.failedBegin(ctx, err)
		}
	}
	if err != nil {
		w.tx = deadTx(err)
	}
}

// failedBegin dooms the attempt because its transaction could not begin.
func (w *work) failedBegin(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, retryable.ErrRetry) &&
		errors.Is(context.Cause(ctx), txctx.ErrAttemptTimeout) {
		err = &retryable.Error{Reason: retryable.Disconnected, Err: err}
	}
	err = hide(err)
	w.c.Doom(err, retryable.Connect)
	return err
}

// connect takes a connection and begins. One that turns out to have died in the
// pool is no failure of the attempt: nothing has run, so another is tried, after
// making sure that it is alive. Where none can be made, that is the database's failure: to
// wait for another would keep it from the gate.
func (w *work) connect(ctx context.Context) error {
	err := w.tryConnect(ctx)
	_, unmade := errors.AsType[*dialError](err)
	if err != nil && !unmade && !w.checked && !w.unanswered && ctx.Err() == nil && retryable.ReasonOf(err).Outage() &&
		retryable.ReasonOf(err) != retryable.Overloaded {
		w.checked = true
		err = w.tryConnect(ctx)
	}
	return err
}

// tryConnect begins under a context that stays alive with the transaction:
// database/sql would roll back, and drivers would cut COMMIT off, when the
// request's own context ends. Only while it begins, the two end together.
func (w *work) tryConnect(ctx context.Context) error {
	life, stop := context.WithCancel(values{w})
	releaseAttempt := context.AfterFunc(w.ctx, stop)
	release := func() bool { return true }
	if ctx.Done() != w.ctx.Done() {
		release = context.AfterFunc(ctx, stop)
	}
	limit := w.c.Policy().AcquireTimeout
	timer := time.AfterFunc(limit, stop)
	w.c.Dialing(stop)
	w.unanswered = false
	tx, err := w.db.pool.BeginTx(life, w.options())
	expired := !timer.Stop()
	expired = w.c.Dialed() || expired
	apart := release()
	apart = releaseAttempt() && apart && !expired
	if err == nil && apart {
		w.tx, w.stop = tx, stop
		w.begun.handed.Store(true)
		return nil
	}
	stop()
	if err == nil { // it began at the last moment, and database/sql is rolling it back
		_ = tx.Rollback()
		err = context.Canceled
	}
	switch {
	case w.ctx.Err() != nil:
		return because(w.ctx, err)
	case ctx.Err() != nil:
		return because(ctx, err)
	case expired && w.unanswered:
		return &retryable.Error{Reason: retryable.Disconnected, Err: fmt.Errorf(
			"sqladapter: no connection made within %v: %w", limit, err)}
	case expired:
		return &retryable.Error{Reason: retryable.Overloaded, Err: fmt.Errorf(
			"sqladapter: no transaction within %v (%s): %w", limit, inUse(w.db.pool.Stats()), err)}
	}
	return w.mark(err, retryable.Connect)
}

// values is a context that cannot end, with the values of w's attempt, and w.
type values struct{ w *work }

func (values) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (values) Done() <-chan struct{}                   { return nil }
func (values) Err() error                              { return nil }

func (v values) Value(key any) any {
	if key == (beginKey{}) {
		return v.w
	}
	return v.w.ctx.Value(key)
}

// because says why ctx has ended: err comes from a context of our own, which does not
// know.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

func inUse(s sql.DBStats) string {
	if s.MaxOpenConnections == 0 {
		return fmt.Sprintf("%d connections in use", s.InUse)
	}
	return fmt.Sprintf("%d of %d connections in use", s.InUse, s.MaxOpenConnections)
}
