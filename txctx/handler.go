package txctx

import (
	"context"
	"math"
	"slices"

	"github.com/reprise-go/reprise/retryable"
)

// Attempt describes the attempt a context belongs to. The zero value describes
// no attempt at all.
type Attempt struct {
	// Number counts from 1; it is 0 outside an attempt.
	Number int
	// Max is how many attempts there can be: the replays of the policy and one.
	// math.MaxInt without a limit.
	Max int
	// Errs says why the earlier attempts were doomed, oldest first. After very
	// many attempts the middle is left out.
	Errs []error

	fenced bool
}

// Last reports whether no replay can follow: on the last attempt, after
// DisableReplay, when Options.Stopping is closed, and outside an attempt.
func (a Attempt) Last() bool { return a.fenced || a.Number >= a.Max }

// AttemptOf returns the attempt that ctx belongs to, the zero Attempt if none.
func AttemptOf(ctx context.Context) Attempt {
	c := controlOf(ctx)
	if c == nil {
		return Attempt{}
	}
	return Attempt{
		Number: c.number,
		Max:    maxAttempts(*c.run.policy),
		Errs:   slices.Clone(c.prior),
		fenced: c.run.fence() != "" || c.run.stopping(),
	}
}

func maxAttempts(p retryable.Policy) int {
	switch p.MaxRetries {
	case retryable.NoRetries:
		return 1
	case retryable.Unlimited:
		return math.MaxInt
	}
	return p.MaxRetries + 1
}

// Fail dooms the attempt because of err: everything is rolled back, and the
// attempt is replayed if err is retryable.ErrRetry, else err is the result of
// Run. What the handler answers afterwards is discarded; statements are refused
// with err. The first error that dooms an attempt stays. A nil err does nothing,
// and so does Fail after the end of the attempt.
//
// Fail panics outside an attempt.
func Fail(ctx context.Context, err error) {
	mustControl(ctx, "Fail").Doom(err, retryable.Statement)
}

// Rollback asks for the attempt to be rolled back at its end although the
// handler succeeds: its answer is sent as it is. That is the way to show a form
// again with its errors. AfterCommit functions are dropped. Of Rollback and
// Commit the last call counts.
//
// Rollback panics outside an attempt.
func Rollback(ctx context.Context) { mustControl(ctx, "Rollback").setWish(wishRollback) }

// Commit asks for the attempt to be committed at its end whatever the status of
// the answer: a counter of failed logins must be kept although the answer is
// 401. It does not commit at once, and it does not save an attempt that is
// doomed or whose handler fails.
//
// Commit panics outside an attempt.
func Commit(ctx context.Context) { mustControl(ctx, "Commit").setWish(wishCommit) }

func (c *Control) setWish(w wish) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wish = w
}

// DisableReplay is a fence: something has left the building that a rollback
// cannot call back, so this attempt must be the last. If it is doomed the result
// is a *retryable.ExhaustedError that names why. It does nothing outside an
// attempt.
func DisableReplay(ctx context.Context, why string) {
	if c := controlOf(ctx); c != nil {
		c.run.fenceOff(why)
	}
}

func mustControl(ctx context.Context, name string) *Control {
	c := controlOf(ctx)
	if c == nil {
		panic("txctx: " + name + " called outside an attempt: the context does not come from txctx.Run " +
			"or from a request that passed the Reprise middleware")
	}
	return c
}
