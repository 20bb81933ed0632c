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
	c := r.control(n)
	c.afterL = before.reason.Lost()
	c.live(started)
	defer c.life.end()
	ctx, tx := r.db.Begin(&c.life, c)
	r.emit(Event{Kind: AttemptStarted, Attempt: n, Reason: before.reason, Phase: before.phase})

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

	var over bool
	if v, over = r.claim(ctx, c, tx); !over {
		v = r.settle(ctx, c, tx, r.fn(ctx))
	}
	ended()
	reached = true // hooks cannot change what has been committed
	if v.outcome == Committed && v.err == nil {
		r.committed = true
		runHooks(r.ctx, r.log, c.takeHooks())
	}
	return v
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
	if r.o.Key != nil {
		return r.commitKeyed(ctx, c, tx)
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
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), ErrAttemptTimeout) && !errors.Is(err, ErrAttemptTimeout):
		err = errors.Join(err, ErrAttemptTimeout)
	}
	return verdict{err: err}
}

func (r *run) commit(attempt context.Context, tx Tx) verdict {
	ctx := controlOf(attempt).detached(r.policy.CommitTimeout)
	defer ctx.end()
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
func (r *run) rollback(attempt context.Context, tx Tx) {
	ctx := controlOf(attempt).detached(r.policy.CommitTimeout)
	defer ctx.end()
	if err := tx.Rollback(ctx); err != nil {
		r.log.WarnContext(ctx, "reprise: rollback failed; the connection was closed", "error", err)
	}
}

func doomed(err error, phase retryable.Phase) verdict {
	return verdict{err: err, replay: true, reason: retryable.ReasonOf(err), phase: phase}
}
