package txctx_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// stopAfter returns what Options.Stopping is, closed after d.
func stopAfter(d time.Duration) <-chan struct{} {
	stopping := make(chan struct{})
	time.AfterFunc(d, func() { close(stopping) })
	return stopping
}

// Whoever waits for another try goes at once: between two attempts, for the database
// within one, and where nobody knows yet that it is down.
//
// Mutations seen to fail it: sleep, awaitGate or enterGate with nothing but the context.
func TestStoppingEndsTheWaiting(t *testing.T) {
	t.Parallel()
	const century = 100 * 365 * 24 * time.Hour
	ages := retryable.Backoff{Base: century, Max: century}
	for name, tt := range map[string]struct {
		policy retryable.Policy
		mode   mode
		known  bool // the gate is shut
	}{
		"back-off of an outage":        {retryable.Policy{RetryFor: retryable.Forever, Outage: ages}, refusing, false},
		"a replay waits at the gate":   {retryable.Policy{RetryFor: 24 * time.Hour}, refusing, true},
		"an attempt waits at the gate": {retryable.Policy{ConnectWait: 24 * time.Hour}, refusing, true},
		"an attempt between dials":     {retryable.Policy{ConnectWait: retryable.Forever, RetryFor: retryable.Forever, Outage: ages}, crowded, false},
		"persistent":                   {retryable.Persistent(), refusing, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				db := newFrail(10)
				if tt.known {
					shutGate(db, tt.mode)
				}
				db.set(tt.mode)
				start := time.Now()
				o := txctx.Options{Retry: tt.policy, Stopping: stopAfter(time.Minute), Logger: quiet}
				wantExhausted(t, txctx.Run(context.Background(), db, o, touch), 1, "stopping")
				if took := time.Since(start); took < time.Minute || took > time.Minute+200*time.Millisecond {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// The attempt under way is not touched: it is committed and its hooks run, or it is
// doomed and the last.
//
// Mutations seen to fail it: no case for it in mayReplay; end the attempt's context;
// leave Last alone.
func TestStoppingLeavesTheAttemptUnderWay(t *testing.T) {
	t.Parallel()
	for _, doomed := range []bool{false, true} {
		db := fakedb.New()
		stopping := make(chan struct{})
		hooks := 0
		o := txctx.Options{Retry: hasty, Stopping: stopping, Logger: quiet}
		err := txctx.Run(t.Context(), db, o, func(ctx context.Context) error {
			if err := exec(ctx, "a"); err != nil || txctx.AttemptOf(ctx).Last() {
				t.Errorf("before it is told to stop: %v, last %v", err, txctx.AttemptOf(ctx).Last())
			}
			close(stopping)
			if err := exec(ctx, "b"); err != nil || ctx.Err() != nil || !txctx.AttemptOf(ctx).Last() {
				t.Errorf("afterwards: %v, %v, last %v", err, ctx.Err(), txctx.AttemptOf(ctx).Last())
			}
			txctx.AfterCommit(ctx, func(context.Context) { hooks++ })
			if doomed {
				return retryable.Mark(errPlain)
			}
			return nil
		})
		if !doomed {
			if err != nil || hooks != 1 {
				t.Errorf("error %v, %d hooks", err, hooks)
			}
			wantCommitted(t, db, "a", "b")
			continue
		}
		if ex := wantExhausted(t, err, 1, "stopping"); !errors.Is(ex, errPlain) || hooks != 0 {
			t.Errorf("error %v, %d hooks", err, hooks)
		}
		wantCommitted(t, db)
	}
}

// Who comes in the middle of it does not wait for the database, and gets it if it is there.
//
// Mutation seen to fail it: go on with ConnectWait.
func TestWhileStoppingNobodyWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		stopping := make(chan struct{})
		close(stopping)
		o := txctx.Options{Retry: retryable.Persistent(), Stopping: stopping, Logger: quiet}
		if err := txctx.Run(context.Background(), db, o, touch); err != nil {
			t.Error(err)
		}
		shutGate(db, refusing)
		start := time.Now()
		wantExhausted(t, txctx.Run(context.Background(), db, o, touch), 1, "stopping")
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// A replay that is not made because of it is given back to the budget.
//
// Mutation seen to fail it: no refund.
func TestAReplayThatIsNotMadeCostsNoBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		policy := retryable.Policy{
			Outage:       retryable.Backoff{Base: 5 * time.Second, Max: 5 * time.Second},
			OutageBudget: retryable.Budget{PerSecond: 1, Window: time.Second}, // one in all
		}
		var budgets txctx.Budgets
		for range 3 {
			stopping := make(chan struct{})
			o := txctx.Options{Retry: policy, Budgets: &budgets, Stopping: stopping, Logger: quiet}
			o.Observe = func(_ context.Context, ev txctx.Event) {
				if ev.Kind == txctx.ReplayScheduled {
					close(stopping)
				}
			}
			db := fakedb.New(doomedBy(1, retryable.Disconnected)...)
			wantExhausted(t, txctx.Run(t.Context(), db, o, write("a")), 1, "stopping")
		}
	})
}
