package txctx_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// connecting is a run whose function dials as it is told, in a transaction that it leaves
// unused.
func connecting(ctx context.Context, db *frail, dial func(context.Context, *txctx.Control) error) error {
	return txctx.Run(ctx, db, txctx.Options{Retry: noReplay, Logger: quiet}, func(ctx context.Context) error {
		c := ctx.Value(frailKey{}).(*frailTx).c
		return c.Connect(ctx, func(ctx context.Context) error { return dial(ctx, c) })
	})
}

// Mutation seen to fail it: put it on the list.
func TestDialingIsStoppedAtOnceWhereTheGateIsShutByThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		stopped, dialed := 0, false
		err := connecting(t.Context(), db, func(_ context.Context, c *txctx.Control) error {
			shutGate(db, refusing)
			c.Dialing(func() { stopped++ })
			dialed = c.Dialed()
			return errPlain
		})
		if stopped != 1 || !dialed {
			t.Errorf("stopped %d times, Dialed %v", stopped, dialed)
		}
		if !errors.Is(wantExhausted(t, err, 1, "replays used up").Errs[0], errRefused.Err) {
			t.Errorf("%v", err)
		}
	})
}

// A dial that succeeded all the same has succeeded, and stop is heard of no more.
//
// Mutation seen to fail it: leave it on the list.
func TestStopIsNotCalledAfterDialed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		for _, explicit := range []bool{true, false} {
			stopped := false
			err := connecting(t.Context(), db, func(_ context.Context, c *txctx.Control) error {
				c.Dialing(func() { stopped = true })
				if explicit && c.Dialed() {
					t.Error("stopped without a reason")
				}
				return nil
			})
			shutGate(db, refusing)
			if err != nil || stopped {
				t.Errorf("error %v, stopped %v", err, stopped)
			}
			db.set(up)
			_ = visit(t.Context(), db, patient)
		}
	})
}

// Adapters without Dialing learn late what happened early.
//
// Mutation seen to fail it: believe it.
func TestOldNewsIsNoNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		release := make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_ = connecting(context.Background(), db, func(context.Context, *txctx.Control) error {
					<-release
					return errRefused
				})
			})
		}
		synctest.Wait()
		shutGate(db, refusing)
		db.set(up)
		if err := visit(t.Context(), db, patient); err != nil {
			t.Fatal(err)
		}
		close(release)
		wg.Wait()
		probes := db.probes.Load()
		if err := visit(t.Context(), db, noReplay); err != nil || db.probes.Load() != probes {
			t.Errorf("%d probes more, error %v", db.probes.Load()-probes, err)
		}
	})
}

// Those who leave by themselves have nothing to say about the database.
//
// Mutation seen to fail it: listen to them.
func TestWhoLeavesWhileDialingIsNotHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		db.set(silent)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_ = visit(ctx, db, noReplay)
			cancel()
		}
		db.set(up)
		if err := visit(t.Context(), db, noReplay); err != nil || db.probes.Load() != 0 {
			t.Errorf("%d probes, error %v", db.probes.Load(), err)
		}
	})
}

// A gate outlives a dial that panics.
//
// Mutation seen to fail it: give back nothing.
func TestADialThatPanicsGivesBackItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		db.set(up)
		time.Sleep(time.Second)
		for range 3 { // more than may be under way
			func() {
				defer func() { _ = recover() }()
				_ = connecting(t.Context(), db, func(context.Context, *txctx.Control) error { panic("dial") })
			}()
		}
		if err := visit(t.Context(), db, retryable.Policy{MaxRetries: retryable.NoRetries, AcquireTimeout: time.Second}); err != nil {
			t.Error(err)
		}
	})
}

// In a network that has gone silent, three who have waited in vain are enough: all others
// are told at once.
//
// Mutation seen to fail it: do not stop the dials under way.
func TestDialsUnderWayAreStopped(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]retryable.Policy{"failing": noReplay, "waiting": patient} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				db := newFrail(100)
				db.set(silent)
				var wg sync.WaitGroup
				start := time.Now()
				var mu sync.Mutex
				var took []time.Duration
				for range 40 {
					wg.Go(func() {
						err := visit(context.Background(), db, policy)
						mu.Lock()
						defer mu.Unlock()
						took = append(took, time.Since(start))
						if policy.ConnectWait == 0 {
							if ex := wantExhausted(t, err, 1, "replays used up"); retryable.ReasonOf(ex.Errs[0]) != retryable.Disconnected {
								t.Errorf("%v", ex.Errs[0])
							}
						} else if err != nil {
							t.Error(err)
						}
					})
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(1300 * time.Millisecond) // the third has waited for 5 s
				if n := db.now.Load(); n > 1 {
					t.Errorf("%d dials under way", n)
				}
				db.set(up)
				wg.Wait()
				slices.Sort(took)
				if last := took[len(took)-1]; policy.ConnectWait == 0 && last > 5300*time.Millisecond || last > 11*time.Second {
					t.Errorf("the last took %v", last)
				}
			})
		})
	}
}

// BenchmarkDialing is what an open gate costs an attempt.
func BenchmarkDialing(b *testing.B) {
	db := newFrail(1)
	for name, dial := range map[string]func(context.Context, *txctx.Control) error{
		"connect": func(context.Context, *txctx.Control) error { return nil },
		"dialing": func(_ context.Context, c *txctx.Control) error { c.Dialing(stopNothing); return nil },
	} {
		b.Run(name, func(b *testing.B) {
			ctx := context.Background()
			var c *txctx.Control
			do := func(ctx context.Context) error { return dial(ctx, c) }
			err := txctx.Run(ctx, db, txctx.Options{}, func(ctx context.Context) error {
				c = ctx.Value(frailKey{}).(*frailTx).c
				b.ReportAllocs()
				for b.Loop() {
					_ = c.Connect(ctx, do)
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

func stopNothing() {}
