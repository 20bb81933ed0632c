package txctx_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

type spanKey struct{}

// span returns the value that numbered gave ctx.
func span(ctx context.Context) string {
	if ctx == nil {
		return "nil"
	}
	s, _ := ctx.Value(spanKey{}).(string)
	return s
}

// numbered is an AttemptContext that tells what it was asked.
func numbered(ctx, before context.Context, attempt int) context.Context {
	return context.WithValue(ctx, spanKey{}, fmt.Sprintf("%d of %s after %s", attempt, span(ctx), span(before)))
}

// TestAnAttemptRunsInAContextOfItsOwn: its statements, its COMMIT, its look-up and who
// observes it see that context; hooks and the next attempt do not.
//
// Mutation seen to fail it: AttemptContext is given before as ctx; live takes run.ctx; emit takes run.ctx.
func TestAnAttemptRunsInAContextOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []string
		see := func(who string, ctx context.Context) { got = append(got, who+": "+span(ctx)) }
		db := fakedb.New(
			fakedb.Attempt{OnEnd: func(ctx context.Context) { see("rollback", ctx) }},
			fakedb.Attempt{
				OnEnd:     func(ctx context.Context) { see("commit", ctx) },
				CommitErr: errPlain, Outcome: txctx.Unknown,
				Resolve: func(ctx context.Context) (txctx.Outcome, error) { see("resolve", ctx); return txctx.Committed, nil },
			},
		)
		o := txctx.Options{
			AttemptContext: numbered,
			Observe:        func(ctx context.Context, ev txctx.Event) { see(ev.Kind.String(), ctx) },
		}
		ctx := context.WithValue(t.Context(), spanKey{}, "request")
		err := txctx.Run(ctx, db, o, func(ctx context.Context) error {
			see("function", ctx)
			txctx.AfterCommit(ctx, func(ctx context.Context) { see("hook", ctx) })
			if err := exec(ctx, "a"); err != nil {
				return err
			}
			if txctx.AttemptOf(ctx).Number == 1 {
				return retryable.ErrRetry
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		const first, second = ": 1 of request after nil", ": 2 of request after 1 of request after nil"
		want := []string{
			"attempt_started" + first, "function" + first, "rollback" + first, "attempt_ended" + first,
			"replay_scheduled" + first,
			"attempt_started" + second, "function" + second, "commit" + second, "resolve" + second,
			"outcome_looked_up" + second, "attempt_ended" + second,
			"hook: request",
			"request_finished" + second,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestEveryStartedAttemptIsEnded, however it is left.
//
// Mutation seen to fail it: attempt that panics without ended.
func TestEveryStartedAttemptIsEnded(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fn{
		"panic":  func(context.Context) error { panic("x") },
		"Goexit": func(context.Context) error { runtime.Goexit(); return nil },
		"retry":  func(ctx context.Context) error { panic(retryable.ErrRetry) },
		"error":  func(context.Context) error { return errPlain },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := map[string]int{}
			finished := 0
			o := txctx.Options{Retry: hasty, AttemptContext: numbered, Observe: func(ctx context.Context, ev txctx.Event) {
				switch ev.Kind {
				case txctx.AttemptStarted:
					open[span(ctx)]++
				case txctx.AttemptEnded:
					open[span(ctx)]--
				case txctx.RequestFinished:
					finished++
				}
			}}
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_ = txctx.Run(context.Background(), fakedb.New(), o, f)
			}()
			<-done
			for name, n := range open {
				if n != 0 {
					t.Errorf("%s: %d started and not ended", name, n)
				}
			}
			if finished != 1 || len(open) == 0 {
				t.Errorf("%d attempts, %d runs finished", len(open), finished)
			}
		})
	}
}

// finished returns the last event of a run.
func finished(t *testing.T, db txctx.DB, p retryable.Policy, f fn) (last txctx.Event) {
	t.Helper()
	o := txctx.Options{Retry: p, Logger: quiet, Observe: func(_ context.Context, ev txctx.Event) { last = ev }}
	_ = txctx.Run(t.Context(), db, o, f)
	if last.Kind != txctx.RequestFinished {
		t.Fatalf("the last event is %v", last.Kind)
	}
	return last
}

// TestTheEndNamesAllCauses, whether or not the run ended well.
func TestTheEndNamesAllCauses(t *testing.T) {
	t.Parallel()
	db := fakedb.New(doomedBy(2, retryable.Deadlock)...)
	if last := finished(t, db, hasty, write("a")); last.Err != nil || len(last.Errs) != 2 {
		t.Errorf("replayed twice: %v, %v", last.Err, last.Errs)
	}
	db = fakedb.New(doomedBy(6, retryable.Deadlock)...)
	if last := finished(t, db, hasty, write("a")); last.Err == nil || len(last.Errs) != 6 {
		t.Errorf("exhausted: %v, %v", last.Err, last.Errs)
	}
	failing := func(ctx context.Context) error { return errors.Join(exec(ctx, "a"), errPlain) }
	db = fakedb.New(doomedBy(1, retryable.Deadlock)...)
	if last := finished(t, db, hasty, failing); len(last.Errs) != 1 {
		t.Errorf("failed in the replay: %v, %v", last.Err, last.Errs)
	}
}

func TestAGapIsNamed(t *testing.T) {
	t.Parallel()
	once := hasty
	once.MaxRetries = retryable.NoRetries
	disabled := func(ctx context.Context) error { txctx.DisableReplay(ctx, "mail"); return nil }
	for _, tt := range []struct {
		gap    txctx.Gap
		name   string
		why    string
		db     txctx.DB
		policy retryable.Policy
		f      fn
	}{
		{txctx.NoGap, "none", "", fakedb.New(), hasty, write("a")},
		{txctx.GapNoRetries, "no_retries", "no retries configured", fakedb.New(), once, write("a")},
		{txctx.GapDisabled, "disabled", "mail", fakedb.New(), hasty, disabled},
		{txctx.GapDisabled, "disabled", "mail", fakedb.New(), once, disabled},
		{txctx.GapStatement, "statement", "create commits implicitly", leaky{fakedb.New()}, hasty, disabled},
	} {
		last := finished(t, tt.db, tt.policy, tt.f)
		if last.Gap != tt.gap || last.Why != tt.why || last.Protected != (tt.gap == txctx.NoGap) || last.Gap.String() != tt.name {
			t.Errorf("%v %q, protected %t; want %v %q", last.Gap, last.Why, last.Protected, tt.gap, tt.why)
		}
	}
	if s := txctx.GapBody.String() + txctx.Gap(99).String(); s != "bodygap(?)" {
		t.Error(s)
	}
}
