package txctx

import (
	"context"
	"errors"
	"fmt"
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
			v.err = &OutcomeUnknownError{Err: lost, Run: r.runID(), Keyed: r.o.Key != nil}
		}
	}
	return v
}

// look finds out what became of the attempt, and tells who observes.
func (r *run) look(attempt context.Context, res Resolver) (Outcome, error) {
	ctx := controlOf(attempt).detached(r.policy.ResolveFor)
	defer ctx.end()
	started := time.Now()
	outcome, err := r.lookUntilKnown(ctx, res)
	r.emit(Event{Kind: OutcomeLookedUp, Attempt: controlOf(ctx).number, Outcome: outcome, Err: err, Duration: time.Since(started)})
	return outcome, err
}

const (
	// The time of one look, and of each after one that it was too short for.
	firstLook = 2 * time.Second

	// Pauses between looks: the database is down, or the attempt is being committed.
	firstPause   = 10 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

// lookUntilKnown looks until it is known, until looking again would not help, or until
// ctx ends. While the database is known to be down it waits for it, and where it cannot
// be reached there are no more looks than their budget allows.
func (r *run) lookUntilKnown(ctx context.Context, res Resolver) (Outcome, error) {
	var last error
	limit, frugal := firstLook, false
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		p, up := r.lookThroughGate(ctx)
		if up && (!frugal || r.o.Budgets.mayLook(time.Now())) {
			outcome, late, err := lookOnce(ctx, res, limit)
			r.gate.heard(p, newsOfLook(outcome, late, err), err)
			reason := retryable.ReasonOf(err)
			switch {
			case outcome != Unknown:
				return outcome, nil
			case late:
				limit *= 2
			case reason == retryable.None:
				return Unknown, err
			}
			if last == nil || !late {
				last = beneath(err)
			}
			frugal = late || reason.Outage()
		}
		if !up && last == nil {
			last = r.gate.why()
		}
		if !sleep(ctx, pause) {
			return Unknown, fmt.Errorf("reprise: the outcome was not found out in time: %w", last)
		}
	}
}

// lookThroughGate waits while the database is known to be down, and reports whether it is
// not any more. A look that finds it to be down is news for all.
func (r *run) lookThroughGate(ctx context.Context) (pass, bool) {
	if r.gate == nil {
		return pass{}, true
	}
	up := r.gate.pause(ctx, r.db, seeker, retryable.Forever, retryable.Forever)
	p, _ := r.gate.calm()
	return p, up
}

// newsOfLook returns what a look says about the database: it has answered unless it was
// lost, what took too long may have waited for a lock, and a standby is no witness, though
// attempts that only read may do with it.
func newsOfLook(outcome Outcome, late bool, err error) news {
	switch reason := retryable.ReasonOf(err); {
	case outcome != Unknown:
		return goodNews
	case reason == retryable.Disconnected:
		return badNews
	case late, reason == retryable.None, reason == retryable.Failover, reason == retryable.CommitUnknown:
		return noNews
	}
	return goodNews
}

// lookOnce looks for so long, and reports whether that was too short.
func lookOnce(ctx context.Context, res Resolver, limit time.Duration) (outcome Outcome, late bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	outcome, err = res.Resolve(ctx)
	return outcome, ctx.Err() != nil, err
}

// beneath returns err without its mark.
func beneath(err error) error {
	if marked, ok := errors.AsType[*retryable.Error](err); ok {
		return marked.Err
	}
	return err
}
