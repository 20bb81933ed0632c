package txctx_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// spend makes runs that are doomed once and then succeed, and returns how many of them
// were granted their replay.
func spend(t *testing.T, o txctx.Options, runs int, reason retryable.Reason) (granted int) {
	t.Helper()
	for range runs {
		err := txctx.Run(t.Context(), fakedb.New(doomedBy(1, reason)...), o, write("a"))
		switch exhausted, ok := errors.AsType[*retryable.ExhaustedError](err); {
		case err == nil:
			granted++
		case !ok || exhausted.Why != "budget used up" || exhausted.Attempts != 1:
			t.Errorf("%v", err)
		}
	}
	return granted
}

// succeed makes runs that need no replay.
func succeed(t *testing.T, o txctx.Options, runs int) {
	t.Helper()
	for range runs {
		if err := txctx.Run(t.Context(), fakedb.New(), o, write("a")); err != nil {
			t.Error(err)
		}
	}
}

func budgeted(p retryable.Policy) txctx.Options {
	p.Outage = retryable.Backoff{Base: 1, Max: 1} // all within one moment
	p.Conflict = p.Outage
	return txctx.Options{Retry: p, Budgets: new(txctx.Budgets), Logger: quiet}
}

// The default for outages: 10 replays a second and one for every five runs, over 10 s.
//
// Mutations seen to fail it: withdraw nothing; never let expire.
func TestTheOutageBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := budgeted(retryable.Policy{})
		const tries = 500
		want := 125 // n = 100 + n/5 of those who try, up to there
		if n := spend(t, o, tries/4, retryable.Disconnected); n != want {
			t.Errorf("%d granted, want %d", n, want)
		}
		if n := spend(t, o, 4, retryable.Overloaded); n != 0 {
			t.Errorf("%d granted of what was used up", n)
		}
		succeed(t, o, 50)
		if n := spend(t, o, 25, retryable.Failover); n != 50/5+25/5 {
			t.Errorf("%d granted", n)
		}
		time.Sleep(9 * time.Second) // nothing has expired
		if n := spend(t, o, 4, retryable.Failover); n > 2 {
			t.Errorf("%d granted before the end of the window", n)
		}
		time.Sleep(time.Second + time.Millisecond)
		if n := spend(t, o, 50, retryable.Disconnected); n != 50 {
			t.Errorf("%d granted after the window", n)
		}
	})
}

// What runs have deposited expires as well.
//
// Mutation seen to fail it: never let it.
func TestDepositsExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := budgeted(retryable.Policy{OutageBudget: retryable.Budget{Share: 0.5, Window: time.Second}})
		succeed(t, o, 100)
		time.Sleep(890 * time.Millisecond)
		if n := spend(t, o, 20, retryable.Disconnected); n != 20 {
			t.Errorf("%d granted", n)
		}
		time.Sleep(111 * time.Millisecond)
		// Those 20 have left 10 deposits, less 20 replays: what was left of the 50 is gone.
		if n := spend(t, o, 10, retryable.Disconnected); n != 0 {
			t.Errorf("%d granted", n)
		}
	})
}

// Mutation seen to fail it: one bucket for both.
func TestConflictsAndOutagesHaveBudgetsOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := budgeted(retryable.Policy{OutageBudget: retryable.Budget{PerSecond: 1}})
		if n := spend(t, o, 30, retryable.Disconnected); n != 10 {
			t.Errorf("%d granted", n)
		}
		if n := spend(t, o, 1000, retryable.Serialization); n != 1000 { // no limit by default
			t.Errorf("%d granted", n)
		}
		o = budgeted(retryable.Policy{ConflictBudget: retryable.Budget{PerSecond: 3}})
		if n := spend(t, o, 100, retryable.Deadlock); n != 30 {
			t.Errorf("%d granted", n)
		}
		if n := spend(t, o, 50, retryable.Disconnected); n != 50 {
			t.Errorf("%d granted", n)
		}
	})
}

func TestNoBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, o := range map[string]txctx.Options{
			"none shared": {},
			"unlimited":   budgeted(retryable.Policy{OutageBudget: retryable.Budget{PerSecond: retryable.Unlimited}}),
			"persistent":  budgeted(retryable.Persistent()),
			"the largest": budgeted(retryable.Policy{OutageBudget: retryable.Budget{Share: 1000, PerSecond: 1_000_000, Window: time.Hour}}),
		} {
			o.Retry.Outage = retryable.Backoff{Base: 1, Max: 1}
			if n := spend(t, o, 1000, retryable.Disconnected); n != 1000 {
				t.Errorf("%s: %d granted", name, n)
			}
		}
	})
}

// Replays that were withdrawn while the database was down, and not made, come back.
//
// Mutation seen to fail it: keep them.
func TestAReplayThatIsNotMadeIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		o := budgeted(retryable.Policy{
			RetryFor:     2 * time.Second,
			OutageBudget: retryable.Budget{PerSecond: 2, Window: 10 * time.Second},
		})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		wantExhausted(t, txctx.Run(ctx, db, o, touch), 1, "context ended")
		wantExhausted(t, txctx.Run(t.Context(), db, o, touch), 6, "replays used up") // so many may be wasted
		wantExhausted(t, txctx.Run(t.Context(), db, o, touch), 6, "replays used up")
		for range 3 {
			wantExhausted(t, txctx.Run(t.Context(), db, o, touch), 1, "database down")
		}
		if n := spend(t, o, 20, retryable.Disconnected); n != 10 {
			t.Errorf("%d granted", n)
		}
	})
}

// While the database is down all replays are made, as long as they cost nobody else his.
//
// Mutation seen to fail it: give up when the gate stays shut.
func TestALoneRunMakesAllItsReplays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		wantExhausted(t, txctx.Run(t.Context(), db, budgeted(retryable.Policy{}), touch), 6, "replays used up")
	})
}

// unresolved is an attempt whose outcome is known at the n-th look.
func unresolved(n int, looks *int) fakedb.Attempt {
	a := found(true, txctx.Committed, nil)
	left := n
	a.Resolve = func(context.Context) (txctx.Outcome, error) {
		*looks++
		if left--; left > 0 {
			return txctx.Unknown, fakedb.Fault(retryable.Disconnected)
		}
		return txctx.Committed, nil
	}
	return a
}

// Replays cannot use up what looks for outcomes need, and looks that meet nothing but a
// database that is down are limited, too.
//
// Mutations seen to fail it: withdraw looks from the outages; no limit; count the first look, too.
func TestLooksHaveAReserveOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := budgeted(retryable.Policy{})
		spend(t, o, 200, retryable.Disconnected)
		looks := 0
		if err := txctx.Run(t.Context(), fakedb.New(unresolved(5, &looks)), o, write("a")); err != nil || looks != 5 {
			t.Errorf("%d looks: %v", looks, err)
		}
		time.Sleep(time.Minute)
		if n := lookAround(o, 50, retryable.Disconnected); n != 50+100 {
			t.Errorf("%d looks in 50 runs within 9 s", n)
		}
	})
}

// lookAround makes runs that look for 9 s and find nothing but the reason, and returns
// how often they looked.
func lookAround(o txctx.Options, runs int, reason retryable.Reason) int64 {
	var looks atomic.Int64
	var wg sync.WaitGroup
	o.Retry.ResolveFor = 9 * time.Second
	for range runs {
		wg.Go(func() {
			script := found(true, txctx.Unknown, nil)
			script.Resolve = func(context.Context) (txctx.Outcome, error) {
				looks.Add(1)
				return txctx.Unknown, fakedb.Fault(reason)
			}
			_ = txctx.Run(context.Background(), fakedb.New(script), o, write("a"))
		})
	}
	wg.Wait()
	return looks.Load()
}

// What the reserve is not for: the database answers, and cannot tell yet.
//
// Mutation seen to fail it: count all looks.
func TestLooksThatAreAnsweredAreFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if n := lookAround(budgeted(retryable.Policy{}), 50, retryable.Serialization); n < 50*30 {
			t.Errorf("%d looks in 50 runs within 9 s", n)
		}
	})
}

func BenchmarkBudget(b *testing.B) {
	for name, o := range map[string]txctx.Options{"none": {}, "shared": {Budgets: new(txctx.Budgets)}} {
		b.Run(name, func(b *testing.B) {
			db := fakedb.New()
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				_ = txctx.Run(ctx, db, o, func(context.Context) error { return nil })
			}
		})
	}
}
