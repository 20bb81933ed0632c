package txctx

import (
	"context"
	"time"
)

const (
	whyContext = "context ended"
	whyDown    = "database down"
)

// await lets pass what has to be between attempt n, which came to last, and its replay.
// It returns why there must be none, "" if it may be made now.
func (r *run) await(n int, last verdict, pause time.Duration) (why string) {
	if why = r.mayReplay(n, pause); why != "" {
		return why
	}
	withdrawn := time.Now()
	bucket, budget := r.o.Budgets.of(r.policy, last.reason)
	if bucket != nil && !bucket.withdraw(budget, withdrawn) {
		return whyBudget
	}
	r.emit(Event{Kind: ReplayScheduled, Attempt: n, Reason: last.reason, Phase: last.phase, Err: last.err, Pause: pause})
	up := r.sleep(r.ctx, pause) && r.awaitGate()
	switch {
	case r.ctx.Err() != nil:
		why = whyContext
	case r.stopping():
		why = whyStopping
	case up, bucket == nil, r.o.Budgets.mayWaste(time.Now()):
		return "" // though it can only fail if not up: MaxRetries promises it, and one a second costs little
	default:
		why = whyDown
	}
	if bucket != nil {
		bucket.refund(budget, withdrawn, time.Now())
	}
	return why
}

// mayReplay returns why attempt n must be the last, "" if it need not be.
func (r *run) mayReplay(n int, pause time.Duration) string {
	switch fence := r.fence(); {
	case r.ctx.Err() != nil:
		return whyContext
	case r.stopping():
		return whyStopping
	case fence != "":
		return "replay disabled: " + fence
	case n >= maxAttempts(*r.policy):
		return "replays used up"
	case pause > r.policy.RetryFor-time.Since(r.start):
		return "out of time"
	}
	return ""
}

// awaitGate waits for a database that is known to be down, since a replay would only fail
// at once: for a quarter of RetryFor in all. It reports whether the database may be up.
// Attempts that wait for it by themselves do so.
func (r *run) awaitGate() bool {
	if r.gate == nil || r.policy.ConnectWait != 0 {
		return true
	}
	ctx, end := r.untilStopping(r.ctx)
	defer end()
	began := time.Now()
	up := r.gate.pause(ctx, r.db, sleeper, max(0, r.policy.RetryFor/4-r.waited), r.policy.RetryFor)
	r.waited += time.Since(began)
	return up
}

// sleep waits for d and reports true, or false as soon as ctx ends.
func sleep(ctx context.Context, d time.Duration) bool { return sleepUnless(ctx, nil, d) }

// sleepUnless is sleep that reports false also as soon as stopping is closed.
func sleepUnless(ctx context.Context, stopping <-chan struct{}, d time.Duration) bool {
	if ended(ctx, stopping) {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-stopping:
		return false
	case <-t.C:
		return !ended(ctx, stopping) // both may have come at once
	}
}

func ended(ctx context.Context, stopping <-chan struct{}) bool {
	select {
	case <-stopping:
		return true
	default:
		return ctx.Err() != nil
	}
}
