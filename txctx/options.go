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

	// Veto is asked after the function has returned nil and called neither
	// Commit nor Rollback: true rolls the attempt back and keeps its result. The
	// middleware puts the status of the answer here. none
	Veto func() bool

	// Lanes and Lane keep runs that conflict with each other in a queue while
	// they do. Lane is asked once in an attempt, when its transaction begins,
	// which lane it belongs to; "" is none. no lanes
	Lanes *Lanes
	Lane  func() string

	// Observe is told about every attempt and replay, on the goroutine of Run.
	// It must not block. none
	Observe func(context.Context, Event)

	// Logger gets what cannot be returned: failed rollbacks, panics in hooks.
	// slog.Default()
	Logger *slog.Logger

	_ struct{}
}
