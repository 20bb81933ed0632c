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

// When the database is back it is met by two, and by two more for each that got in.
//
// Mutation seen to fail it: let in everybody after the probe.
func TestWaitersAreLetInByAndBy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const waiters = 200
		db := newFrail(2 * waiters)
		shutGate(db, refusing)
		var wg sync.WaitGroup
		for range waiters {
			wg.Go(func() {
				err := txctx.Run(context.Background(), db, txctx.Options{Retry: patient}, func(ctx context.Context) error {
					defer time.Sleep(time.Second) // no connection comes back meanwhile
					return touch(ctx)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(10 * time.Second)
		db.most.Store(0)
		db.set(up)
		var most []int64 // under way in each time of a dial
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		for open := true; open; {
			db.most.Store(0)
			select {
			case <-done:
				open = false
			case <-time.After(dialTime):
			}
			if n := db.most.Load(); n > 0 {
				most = append(most, n)
			}
		}
		t.Logf("at once: %v", most)
		for i, n := range most {
			if n > 1<<i {
				t.Errorf("%d dials under way after %d times of a dial: %v", n, i, most)
				break
			}
		}
		if len(most) > 12 || slices.Max(most) < 16 {
			t.Errorf("it took %d times of a dial, with at most %d at once", len(most), slices.Max(most))
		}
	})
}

// Shutdown: whoever waits for the database leaves with the context, within an attempt and
// between two.
//
// Mutation seen to fail it: wait without the context.
func TestWaitingForTheDatabaseEndsWithTheContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("shutting down")
	for name, policy := range map[string]retryable.Policy{
		"in an attempt":   {ConnectWait: time.Hour},
		"before a replay": {RetryFor: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				db := newFrail(10)
				shutGate(db, refusing)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(cause) })
				start := time.Now()
				err := visit(ctx, db, policy)
				if ex := wantExhausted(t, err, 1, "context ended"); ex.Cause != cause { //nolint:errorlint // identity
					t.Errorf("cause %v", ex.Cause)
				}
				if took := time.Since(start); took != 10*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// Mutation seen to fail it: leave the clock running.
func TestWaitingAtTheGateIsOffTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		time.AfterFunc(20*time.Second, func() { db.set(up) })
		policy := patient
		policy.AttemptTimeout = time.Second
		if err := visit(t.Context(), db, policy); err != nil {
			t.Error(err)
		}
	})
}

// ConnectWait bounds the wait to the moment, also of the one who makes the probe.
//
// Mutation seen to fail it: give a probe all its time.
func TestConnectWaitEndsAtTheGate(t *testing.T) {
	t.Parallel()
	for _, m := range []mode{refusing, silent} {
		synctest.Test(t, func(t *testing.T) {
			db := newFrail(10)
			shutGate(db, refusing)
			db.set(m)
			policy := noReplay
			policy.ConnectWait = 7 * time.Second
			start := time.Now()
			wantExhausted(t, visit(t.Context(), db, policy), 1, "replays used up")
			if took := time.Since(start); took != policy.ConnectWait {
				t.Errorf("took %v", took)
			}
		})
	}
}

// Replays wait for a quarter of RetryFor, in the first RetryFor of an outage; then they
// fail at once, where not many do.
//
// Mutations seen to fail it: no patience; no end of hope.
func TestAReplayWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		for _, tt := range []struct{ from, to time.Duration }{
			{2500 * time.Millisecond, 5 * time.Second},
			{0, 2 * time.Second},
		} {
			start := time.Now()
			wantExhausted(t, visit(t.Context(), db, retryable.Policy{}), 6, "replays used up")
			if took := time.Since(start); took < tt.from || took > tt.to {
				t.Errorf("took %v, want %v to %v", took, tt.from, tt.to)
			}
			time.Sleep(10 * time.Second)
		}
	})
}
