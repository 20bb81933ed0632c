package txctx_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/txctx"
)

// What answers probes and nothing else, such as a pooler whose database is down, is not
// met by more than the probes and the first few.
//
// Mutation seen to fail it: make the next probe as early as after the first failure.
func TestAProbeThatMeansNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(50)
		shutGate(db, hollow)
		tr := newTraffic(db, 100, noReplay)
		tr.flow(2 * time.Second)
		dials := db.dials.Load()
		tr.flow(20 * time.Second)
		tr.wg.Wait()
		if n := db.dials.Load() - dials; n > 20*10 {
			t.Errorf("%d dials in 20 s", n)
		}
	})
}

// A probe ends with the context of the one who makes it. Another takes over.
//
// Mutation seen to fail it: schedule the next one instead.
func TestAProbeIsHandedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		db.set(silent)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := visit(context.Background(), db, patient); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { _ = visit(ctx, db, patient) }) // who comes last makes the probe
		time.Sleep(time.Second)
		if db.probes.Load() != 1 {
			t.Fatalf("%d probes", db.probes.Load())
		}
		db.set(up)
		cancel()
		left := time.Now()
		wg.Wait()
		if took := time.Since(left); took > 2*dialTime+statementTime {
			t.Errorf("it took %v until the other was through", took)
		}
	})
}

// Mutation seen to fail it: probe panics are not heard of.
func TestAProbeThatPanicsIsHandedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &jumpy{frail: newFrail(10)}
		shutGate(db.frail, refusing)
		db.set(up)
		func() {
			defer func() { _ = recover() }()
			_ = txctx.Run(t.Context(), db, txctx.Options{Retry: patient, Logger: quiet}, touch)
			t.Error("no panic")
		}()
		if err := visit(t.Context(), db.frail, patient); err != nil {
			t.Error(err)
		}
	})
}

// The server has answered, so that nobody waits: everybody is to see why it refuses.
//
// Mutation seen to fail it: keep the gate shut.
func TestARefusalOpensTheGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		db.set(wrong)
		start := time.Now()
		if err := visit(t.Context(), db, patient); err != errWrong { //nolint:errorlint // as it is
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// jumpy panics when it is probed.
type jumpy struct{ *frail }

func (*jumpy) Probe(context.Context) error { panic("probe") }

// Three connections that broke by themselves doom nobody else: who does not wait for the
// database waits for the probe that comes at once.
//
// Mutations seen to fail it: fail at once; leave those waiting whose probe has failed.
func TestTheFirstProbeIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		db.set(up)
		start := time.Now()
		if err := visit(t.Context(), db, noReplay); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 50*time.Millisecond+2*dialTime+statementTime {
			t.Errorf("took %v", took)
		}

		db = newFrail(10)
		shutGate(db, refusing)
		start = time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { wantExhausted(t, visit(context.Background(), db, noReplay), 1, "replays used up") })
		}
		wg.Wait()
		if took := time.Since(start); took > 50*time.Millisecond || db.probes.Load() != 1 {
			t.Errorf("ten took %v and %d probes to fail", took, db.probes.Load())
		}
	})
}

// Those who were waiting for their turn are told as soon as the database is down again.
//
// Mutation seen to fail it: leave them waiting.
func TestTheGateShutsBeforeThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(100)
		shutGate(db, hollow)
		start := time.Now()
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() { wantExhausted(t, visit(context.Background(), db, noReplay), 1, "replays used up") })
		}
		wg.Wait()
		if took := time.Since(start); took > 150*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// What went out in silence does not come back. It is given up after 5 s at the most.
//
// Mutation seen to fail it: double the time of a probe without limit.
func TestASilentProbeIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		db.set(silent)
		start := time.Now()
		time.AfterFunc(40*time.Second, func() { db.set(up) })
		if err := visit(t.Context(), db, patient); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 45600*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}
