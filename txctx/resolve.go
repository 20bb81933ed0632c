package txctx

import (
	"context"
	"errors"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// resolve finds out what became of an attempt whose COMMIT was answered by lost, not by
// the server. Without means to look, only what may be repeated is replayed.
func (r *run) resolve(ctx context.Context, tx Tx, lost error) verdict {
	outcome := Unknown
	if res, ok := tx.(Resolver); ok && !r.o.ReadOnly {
		var err error
		outcome, err = r.look(ctx, res)
		lost = errors.Join(lost, err)
	}
	v := verdict{err: lost, reason: retryable.CommitUnknown, phase: retryable.Commit, outcome: outcome}
	switch outcome {
	case Committed:
		return verdict{outcome: Committed, phase: retryable.Commit}
	case RolledBack:
		v.err = &retryable.Error{Reason: retryable.Disconnected, Err: beneath(lost)}
		v.reason, v.replay = retryable.Disconnected, true
	case Unknown:
		v.replay = r.mayRepeat()
		if !v.replay {
			v.err = &OutcomeUnknownError{Err: lost, Run: r.runID()}
		}
	}
	return v
}

func (r *run) look(ctx context.Context, res Resolver) (Outcome, error) {
	ctx, cancel := detached(ctx, r.policy.ResolveFor)
	defer cancel()
	started := time.Now()
	outcome, err := res.Resolve(ctx)
	if err != nil && outcome != Unknown { // found out all the same
		r.log.WarnContext(ctx, "reprise: while looking up the outcome of COMMIT", "error", err)
		err = nil
	}
	r.emit(Event{Kind: OutcomeLookedUp, Attempt: controlOf(ctx).number, Outcome: outcome, Err: err, Duration: time.Since(started)})
	return outcome, err
}

// beneath returns err without its mark.
func beneath(err error) error {
	if marked, ok := errors.AsType[*retryable.Error](err); ok {
		return marked.Err
	}
	return err
}
