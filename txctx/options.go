package txctx

import (
	"context"
	"log/slog"

	"github.com/reprise-go/reprise/retryable"
)

// Options say how Run treats one function. The zero value is ready.
type Options struct {
	// Retry says how often, how long and how patiently. Interactive().
	Retry retryable.Policy

	// ReadOnly begins READ ONLY transactions. Such a run may be replayed even if
	// the outcome of its COMMIT is unknown. false
	ReadOnly bool

	// Idempotent declares that running the function twice has the effect of
	// running it once, so that it may be replayed even if the outcome of its
	// COMMIT is unknown. false
	Idempotent bool

	// Key makes the run happen once: where an earlier run with the same key was
	// committed, its answer is given to Key.Stored and the function is not
	// called. The key is claimed first thing in every attempt, which begins the
	// transaction, and kept with the attempt that is committed; what is rolled
	// back, by Veto and Rollback as well, keeps nothing. It needs an adapter with
	// a ledger, see [KeyKeeper], and a run that is not ReadOnly. none
	Key *Key

	// Veto is asked after the function has returned nil and called neither
	// Commit nor Rollback: true rolls the attempt back and keeps its result. The
	// middleware puts the status of the answer here. none
	Veto func() bool

	// Lanes and Lane keep runs that conflict with each other in a queue while
	// they do. Lane is asked once in an attempt, when its transaction begins,
	// which lane it belongs to; "" is none. no lanes
	Lanes *Lanes
	Lane  func() string

	// Budgets bound the replays of all runs that share them, by the budgets of
	// Retry. no limit
	Budgets *Budgets

	// Stopping ends, once it is closed, all waiting for another try: attempts under way
	// go on to their end, but no replay begins any more, and ConnectWait is 0 from then
	// on. What is doomed then is a *retryable.ExhaustedError. Waits for a turn in a lane
	// and for an outcome go on. Give it the Done of the context that ends when the
	// program is told to stop, and Run a context that goes on. none
	Stopping <-chan struct{}

	// Observe is told about every attempt and replay, on the goroutine of Run.
	// It must not block. The context is Run's, or what AttemptContext made of it
	// for the attempt that is under way or was the last. none
	Observe func(context.Context, Event)

	// AttemptContext is asked before each attempt for the context it is to run in,
	// which must descend from ctx, that of Run: so that what the attempt does finds
	// the span it belongs to, BEGIN, COMMIT and ROLLBACK included. before is what
	// was returned for the attempt before, nil for the first. AfterCommit
	// functions get Run's. none
	AttemptContext func(ctx, before context.Context, attempt int) context.Context

	// Logger gets what cannot be returned: failed rollbacks, panics in hooks.
	// slog.Default()
	Logger *slog.Logger

	_ struct{}
}
