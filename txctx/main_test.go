package txctx_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errPlain = errors.New("plain")
	quiet    = slog.New(slog.NewTextHandler(io.Discard, nil))
	// hasty keeps the pauses of tests on the real clock short.
	hasty = retryable.Policy{
		Conflict: retryable.Backoff{Base: 1, Max: 1},
		Outage:   retryable.Backoff{Base: 1, Max: 1},
	}
)

type fn = func(context.Context) error

// run runs f without pauses worth mentioning.
func run(t *testing.T, db txctx.DB, f fn) error {
	t.Helper()
	return txctx.Run(t.Context(), db, txctx.Options{Retry: hasty, Logger: quiet}, f)
}

func exec(ctx context.Context, name string) error { return fakedb.Tx(ctx).Exec(ctx, name) }

// write returns a function of one statement.
func write(name string) fn {
	return func(ctx context.Context) error { return exec(ctx, name) }
}

// doomedBy returns a script of n attempts whose first statement meets reason.
func doomedBy(n int, reason retryable.Reason) []fakedb.Attempt {
	script := make([]fakedb.Attempt, n)
	for i := range script {
		script[i].Statements = fakedb.Faults(1, reason)
	}
	return script
}

func wantLog(t *testing.T, db *fakedb.DB, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, db.Log()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if n := db.Open(); n != 0 {
		t.Errorf("%d transactions left open", n)
	}
}

func wantCommitted(t *testing.T, db *fakedb.DB, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, db.Committed()); diff != "" {
		t.Errorf("committed (-want +got):\n%s", diff)
	}
	if n := db.Open(); n != 0 {
		t.Errorf("%d transactions left open", n)
	}
}

func wantExhausted(t *testing.T, err error, attempts int, why string) *retryable.ExhaustedError {
	t.Helper()
	exhausted, ok := errors.AsType[*retryable.ExhaustedError](err)
	if !ok {
		t.Fatalf("got %v, want an ExhaustedError", err)
	}
	if exhausted.Attempts != attempts || exhausted.Why != why {
		t.Errorf("gave up after attempt %d (%s), want %d (%s)", exhausted.Attempts, exhausted.Why, attempts, why)
	}
	if errors.Is(err, retryable.ErrRetry) {
		t.Error("the result is ErrRetry itself")
	}
	return exhausted
}
