package txctx_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// crowd is a row that only one attempt at a time can change: whoever finds another
// attempt on it is doomed. An attempt takes 1 ms.
type crowd struct {
	busy     atomic.Bool
	attempts atomic.Int64
	together atomic.Int64
	most     atomic.Int64
}

func (c *crowd) visit(ctx context.Context) error {
	if err := fakedb.Tx(ctx).Exec(ctx, "begin"); err != nil {
		return err
	}
	c.attempts.Add(1)
	if n := c.together.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	defer c.together.Add(-1)
	if !c.busy.CompareAndSwap(false, true) {
		time.Sleep(time.Millisecond)
		return fakedb.Fault(retryable.Serialization)
	}
	defer c.busy.Store(false)
	time.Sleep(time.Millisecond)
	return nil
}

// run lets clients visit until each has done so n times and returns the failures.
func (c *crowd) run(o txctx.Options, clients, n int, fn func(context.Context) error) (failed int64) {
	db := fakedb.New()
	var failures atomic.Int64
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range n {
				if txctx.Run(context.Background(), db, o, fn) != nil {
					failures.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return failures.Load()
}

func laneOptions(key string) txctx.Options {
	return txctx.Options{Lanes: new(txctx.Lanes), Lane: func() string { return key }}
}

// heat makes o's lane hot: as many conflicts as it takes, and nothing else.
func heat(o txctx.Options) {
	o.Retry.MaxRetries = retryable.NoRetries
	for range 4 {
		_ = txctx.Run(context.Background(), fakedb.New(), o, func(ctx context.Context) error {
			_ = fakedb.Tx(ctx).Exec(ctx, "conflict")
			return fakedb.Fault(retryable.Serialization)
		})
	}
}

// Mutation: never heat a lane.
func TestLanesLetACrowdThroughOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const clients, visits = 32, 50
		var c crowd
		failed := c.run(laneOptions("hot"), clients, visits, c.visit)
		perRequest := float64(c.attempts.Load()) / (clients * visits)
		if failed != 0 || perRequest > 1.25 {
			t.Errorf("%d failed, %.2f attempts a request", failed, perRequest)
		}
	})
}

// The control of the test above.
func TestWithoutLanesACrowdUsesUpItsReplays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		if failed := c.run(txctx.Options{}, 32, 50, c.visit); failed == 0 {
			t.Error("none failed: the crowd is too small to show anything")
		}
	})
}

// TestTwoProcessesKeepOutOfEachOthersWay: lanes that do not know of each other.
//
// Mutation seen to fail it: no pauses between turns.
func TestTwoProcessesKeepOutOfEachOthersWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		var failed atomic.Int64
		var wg sync.WaitGroup
		start := time.Now()
		for range 2 {
			o := laneOptions("hot")
			heat(o)
			wg.Go(func() { failed.Add(c.run(o, 32, 100, c.visit)) })
		}
		wg.Wait()
		const visits = 2 * 32 * 100
		took := time.Since(start)
		t.Logf("%d failed, %d attempts, %v", failed.Load(), c.attempts.Load(), took)
		if failed.Load() > visits/100 { // some do before the lanes are hot
			t.Errorf("%d requests of %d failed", failed.Load(), visits)
		}
		if took > 3*visits*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// Mutation: one lane for all keys.
func TestOtherLanesAreNotHeldUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := laneOptions("hot")
		heat(o)
		var cold crowd
		other := o
		other.Lane = func() string { return "cold" }
		cold.run(other, 16, 1, func(ctx context.Context) error {
			if err := fakedb.Tx(ctx).Exec(ctx, "begin"); err != nil {
				return err
			}
			if n := cold.together.Add(1); n > cold.most.Load() {
				cold.most.Store(n)
			}
			defer cold.together.Add(-1)
			time.Sleep(time.Millisecond)
			return nil
		})
		if cold.most.Load() != 16 {
			t.Errorf("at most %d at once in the cold lane", cold.most.Load())
		}
	})
}

// Mutation: never widen.
func TestALaneWidensWhenTheConflictsAreOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := laneOptions("hot")
		var c crowd
		c.run(o, 16, 20, c.visit)
		var most, now atomic.Int64
		start := time.Now()
		c.run(o, 16, 1000, func(ctx context.Context) error {
			if err := fakedb.Tx(ctx).Exec(ctx, "begin"); err != nil {
				return err
			}
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			time.Sleep(time.Millisecond)
			return nil
		})
		if most.Load() != 16 {
			t.Errorf("at most %d at once", most.Load())
		}
		// One by one it would be 16 s, all at once 1 s.
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// Mutation: heat at the first conflict.
func TestASeldomConflictHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := laneOptions("warm")
		var n atomic.Int64
		var c crowd
		start := time.Now()
		failed := c.run(o, 8, 100, func(ctx context.Context) error {
			if err := fakedb.Tx(ctx).Exec(ctx, "begin"); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
			if n.Add(1)%10 == 0 { // 10 %
				return fakedb.Fault(retryable.Deadlock)
			}
			return nil
		})
		// All at once it is 100 ms and the pauses of the replays, one by one 800.
		if took := time.Since(start); failed != 0 || took > 300*time.Millisecond {
			t.Errorf("%d failed, took %v", failed, took)
		}
	})
}

// A handler that calls its own server waits for a turn that it has itself. Its
// patience ends that.
//
// Mutation: wait without limit.
func TestALaneWaitsWithABound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := laneOptions("hot")
		o.Retry.RetryFor = 4 * time.Second // patience 1 s
		heat(o)
		var queued []time.Duration
		o.Observe = func(_ context.Context, ev txctx.Event) {
			if ev.Kind == txctx.AttemptEnded {
				queued = append(queued, ev.Queued)
			}
		}
		db := fakedb.New()
		start := time.Now()
		err := txctx.Run(context.Background(), db, o, func(ctx context.Context) error {
			if err := fakedb.Tx(ctx).Exec(ctx, "outer"); err != nil {
				return err
			}
			return txctx.Run(context.Background(), db, o, func(ctx context.Context) error {
				return fakedb.Tx(ctx).Exec(ctx, "inner")
			})
		})
		if took := time.Since(start); err != nil || took > time.Second {
			t.Errorf("took %v, error %v", took, err)
		}
		if want := []time.Duration{time.Second, 0}; !slices.Equal(queued, want) { // inner, outer
			t.Errorf("queued %v, want %v", queued, want)
		}
	})
}

// Mutation: keep the place of a waiter whose context has ended.
func TestAWaiterWhoLeavesTakesNoTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := laneOptions("hot")
		heat(o)
		db := fakedb.New()
		release := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = txctx.Run(context.Background(), db, o, func(ctx context.Context) error {
				_ = fakedb.Tx(ctx).Exec(ctx, "holds the turn")
				<-release
				return nil
			})
		})
		synctest.Wait()
		for i := range 5 {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			wg.Go(func() {
				defer cancel()
				_ = txctx.Run(ctx, db, o, func(ctx context.Context) error { return fakedb.Tx(ctx).Exec(ctx, fmt.Sprint("leaves ", i)) })
			})
		}
		time.Sleep(100 * time.Millisecond)
		close(release)
		wg.Wait()
		start := time.Now()
		err := txctx.Run(context.Background(), db, o, func(ctx context.Context) error { return fakedb.Tx(ctx).Exec(ctx, "next") })
		if took := time.Since(start); err != nil || took != 0 {
			t.Errorf("took %v, error %v", took, err)
		}
	})
}

// Who has been turned away before has waited longest.
//
// Mutation: queue replays behind first attempts.
func TestReplaysGoBeforeFirstAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := laneOptions("hot")
		heat(o)
		db := fakedb.New()
		release := make(chan struct{})
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		start := func(name string, first func(ctx context.Context) error) {
			wg.Go(func() {
				_ = txctx.Run(context.Background(), db, o, func(ctx context.Context) error {
					if first != nil && txctx.AttemptOf(ctx).Number == 1 {
						return first(ctx)
					}
					_ = fakedb.Tx(ctx).Exec(ctx, name)
					mu.Lock()
					defer mu.Unlock()
					order = append(order, name)
					return nil
				})
			})
			time.Sleep(50 * time.Millisecond)
		}
		start("holder", func(ctx context.Context) error {
			_ = fakedb.Tx(ctx).Exec(ctx, "holds the turn")
			<-release
			return nil
		})
		start("first", nil)
		start("replay", func(context.Context) error { return retryable.ErrRetry })
		close(release)
		wg.Wait()
		if want := []string{"replay", "first"}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}
