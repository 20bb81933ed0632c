package telemetry_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestWordsOfUsersAreNoLabels: however many reasons there are to disable replay, there is
// one label.
func TestWordsOfUsersAreNoLabels(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for _, why := range []string{"mail to ada", "mail to grace", "no retries configured", ""} {
		_ = b.run(fakedb.New(doomedBy(retryable.Deadlock)), func(ctx context.Context) error {
			txctx.DisableReplay(ctx, why)
			return write(ctx)
		})
	}
	want := []string{
		"exhausted{reason=deadlock,why=replay_disabled}: 4",
		"request.attempts{}: 4, sum 4",
		"request.held{}: 4, sum 0",
		"requests{gap=disabled,result=exhausted}: 4",
	}
	if diff := cmp.Diff(want, b.counted()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatEndedTheReplays, as the engine says it.
//
// Mutation seen to fail it: a word of whyOf misspelt.
func TestWhatEndedTheReplays(t *testing.T) {
	t.Parallel()
	once := func(p retryable.Policy) retryable.Policy { p.MaxRetries = retryable.NoRetries; return p }
	poor := hasty
	poor.ConflictBudget.Share = .001
	late := retryable.Policy{RetryFor: 1, Conflict: retryable.Backoff{Base: time.Hour, Max: time.Hour}}
	for want, tt := range map[string]struct {
		policy retryable.Policy
		f      func(context.CancelFunc) fn
	}{
		"replays_used_up": {once(hasty), func(context.CancelFunc) fn { return write }},
		"out_of_time":     {late, func(context.CancelFunc) fn { return write }},
		"budget_used_up":  {poor, func(context.CancelFunc) fn { return write }},
		"replay_disabled": {hasty, func(context.CancelFunc) fn {
			return func(ctx context.Context) error { txctx.DisableReplay(ctx, "x"); return write(ctx) }
		}},
		"context_ended": {hasty, func(cancel context.CancelFunc) fn {
			return func(ctx context.Context) error { defer cancel(); return write(ctx) }
		}},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := b.options()
			o.Retry, o.Budgets = tt.policy, new(txctx.Budgets)
			_ = txctx.Run(ctx, fakedb.New(fakedb.Always(doomedBy(retryable.Deadlock))), o, tt.f(cancel))
			if line := "exhausted{reason=deadlock,why=" + want + "}: 1"; b.counted()[0] != line {
				t.Errorf("no %s in %q", line, b.counted())
			}
		})
	}
}

// TestADatabaseThatStaysDown is told apart from what the budget refused.
func TestADatabaseThatStaysDown(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	down := &retryable.ExhaustedError{Attempts: 1, Errs: []error{fakedb.Fault(retryable.Failover)}, Why: "database down"}
	b.tel.Observe(t.Context(), txctx.Event{Kind: txctx.RequestFinished, Attempt: 1, Err: down})
	if line := "exhausted{reason=failover,why=database_down}: 1"; b.counted()[0] != line {
		t.Errorf("no %s in %q", line, b.counted())
	}
}
