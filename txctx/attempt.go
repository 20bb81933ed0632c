package txctx

import (
	"context"
	"errors"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// verdict is what one attempt came to.
type verdict struct {
	err     error
	replay  bool // err dooms the attempt and a replay may help
	reason  retryable.Reason
	phase   retryable.Phase
	outcome Outcome
}

// attempt runs the function once in one transaction and ends that transaction.
// When it returns, or is left by a panic, the attempt is over for everybody, the
// connection is back, and hooks have run if it was committed.
func (r *run) attempt(n int, before verdict) (v verdict) {
	started := time.Now()
	c := &Control{
		run:    r,
		number: n,
		prior:  r.errs,
		afterL: before.reason.Lost(),
	}
	ctx, cancel := r.attemptContext(c)
	defer cancel()
	ctx, tx := r.db.Begin(context.WithValue(ctx, controlKey{}, c), c)
	r.emit(Event{Kind: AttemptStarted, Attempt: n})

	ended := func() {
		queued := c.leaveLane(v.reason)
		r.emit(Event{
			Kind: AttemptEnded, Attempt: n, Reason: v.reason, Phase: v.phase, Outcome: v.outcome,
			Err: v.err, Duration: time.Since(started), Queued: queued,
		})
	}
	// Success means that the end was reached. Without a recovered value the
	// goroutine is on its way out through runtime.Goexit.
	reached := false
	defer func() {
		if reached {
			return
		}
		p := recover()
		if err, ok := p.(error); ok && errors.Is(err, retryable.ErrRetry) {
			c.Doom(err, retryable.Statement)
		}
		_, phase, doom := c.end()
		r.rollback(ctx, tx)
		if p != nil && errors.Is(doom, retryable.ErrRetry) {
			v = doomed(doom, phase)
			ended()
			return
		}
		v = verdict{err: errLeft}
		ended()
		if p != nil {
			panic(p) // here, where the frames of the first panic still stand
		}
	}()

	ferr := r.fn(ctx)
	v = r.settle(ctx, c, tx, ferr)
	ended()
	reached = true // hooks cannot change what has been committed
	if v.outcome == Committed && v.err == nil {
		r.committed = true
		runHooks(r.ctx, r.log, c.takeHooks())
	}
	return v
}

// attemptContext ends with AttemptTimeout. Where c may wait for the database, it
// gets a clock that it can stop meanwhile.
func (r *run) attemptContext(c *Control) (context.Context, context.CancelFunc) {
	limit := r.policy.AttemptTimeout
	switch {
	case limit == retryable.Forever:
		return context.WithCancel(r.ctx)
	case r.policy.ConnectWait == 0:
		return context.WithTimeoutCause(r.ctx, limit, ErrAttemptTimeout)
	}
	ctx, cancel := context.WithCancelCause(r.ctx)
	c.clock = time.AfterFunc(limit, func() { cancel(ErrAttemptTimeout) })
	return ctx, func() {
		c.clock.Stop()
		cancel(nil)
	}
}

// settle ends the transaction of an attempt whose function has returned.
func (r *run) settle(ctx context.Context, c *Control, tx Tx, ferr error) verdict {
	w, phase, doom := c.end()
	err := doom
	switch {
	case doom == nil:
		err, phase = ferr, retryable.Statement
	case ferr != nil && errors.Is(ferr, doom):
		err = ferr // the same, with the handler's words around it
	}
	if err != nil {
		return r.settleFailed(ctx, tx, err, phase, w == wishRollback && ferr == nil)
	}
	if r.ctx.Err() != nil {
		r.rollback(ctx, tx)
		return verdict{err: context.Cause(r.ctx)}
	}
	if w == wishRollback || (w == wishNone && r.o.Veto != nil && r.o.Veto()) {
		r.rollback(ctx, tx)
		return verdict{}
	}
	return r.commit(ctx, tx)
}

// settleFailed rolls back an attempt that failed with err. excusable says that
// the handler answered by asking for a rollback, which it may do for a lock that
// was not granted.
func (r *run) settleFailed(ctx context.Context, tx Tx, err error, phase retryable.Phase, excusable bool) verdict {
	if !errors.Is(err, retryable.ErrRetry) {
		err = tx.Judge(err)
	}
	r.rollback(ctx, tx)
	switch {
	case excusable && retryable.ReasonOf(err) == retryable.LockTimeout:
		return verdict{}
	case errors.Is(err, retryable.ErrRetry):
		return doomed(err, phase)
	case errors.Is(context.Cause(ctx), ErrAttemptTimeout) && !errors.Is(err, ErrAttemptTimeout):
		err = errors.Join(err, ErrAttemptTimeout)
	}
	return verdict{err: err}
}

func (r *run) commit(attempt context.Context, tx Tx) verdict {
	ctx, cancel := detached(attempt, r.policy.CommitTimeout)
	defer cancel()
	outcome, err := tx.Commit(ctx)
	v := verdict{err: err, outcome: outcome, phase: retryable.Commit}
	switch outcome {
	case Committed:
		if err != nil {
			r.log.WarnContext(ctx, "reprise: the connection failed after COMMIT was confirmed", "error", err)
			v.err = nil
		}
	case RolledBack:
		if err == nil { // an adapter's mistake must not become a success
			v.err = errRolledBack
		}
		v.reason = retryable.ReasonOf(err)
		v.replay = errors.Is(err, retryable.ErrRetry)
	case Unknown:
		return r.resolve(attempt, tx, err)
	}
	return v
}

// rollback ends the transaction; that it failed is for the log alone, since the
// adapter has closed the connection then.
func (r *run) rollback(ctx context.Context, tx Tx) {
	ctx, cancel := detached(ctx, r.policy.CommitTimeout)
	defer cancel()
	if err := tx.Rollback(ctx); err != nil {
		r.log.WarnContext(ctx, "reprise: rollback failed; the connection was closed", "error", err)
	}
}

// detached is the context of COMMIT and ROLLBACK, and of what must be done after them:
// under a context that ends with the request they would lose the connection, or their
// own outcome.
func detached(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if limit == retryable.Forever {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

func doomed(err error, phase retryable.Phase) verdict {
	return verdict{err: err, replay: true, reason: retryable.ReasonOf(err), phase: phase}
}
