package txctx

import (
	"context"

	"github.com/reprise-go/reprise/retryable"
)

// enter returns the context that the attempt of c is to run in.
func (r *run) enter(c *Control) context.Context {
	ctx := r.ctx
	if ask := r.o.AttemptContext; ask != nil {
		var before context.Context
		if r.latest != nil {
			before = r.latest.life.parent
		}
		ctx = ask(ctx, before, c.number)
	}
	r.latest = c
	return ctx
}

// emit tells who observes.
func (r *run) emit(ev Event) {
	if r.o.Observe == nil {
		return
	}
	ctx := r.ctx
	if r.latest != nil {
		ctx = r.latest.life.parent
	}
	r.o.Observe(ctx, ev)
}

// gap returns why the run is not protected by replays.
func (r *run) gap() (Gap, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.leaked:
		return GapStatement, r.fenceWhy
	case r.fenceWhy != "":
		return GapDisabled, r.fenceWhy
	case r.policy.MaxRetries == retryable.NoRetries:
		return GapNoRetries, "no retries configured"
	}
	return NoGap, ""
}
