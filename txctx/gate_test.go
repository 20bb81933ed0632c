package txctx_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var (
	noReplay = retryable.Policy{MaxRetries: retryable.NoRetries}
	patient  = retryable.Policy{MaxRetries: retryable.NoRetries, ConnectWait: time.Hour}
)

// visit is a run with one statement.
func visit(ctx context.Context, db *frail, policy retryable.Policy) error {
	return txctx.Run(ctx, db, txctx.Options{Retry: policy, Logger: quiet}, touch)
}

// shutGate takes the database down and makes as many dials as that takes to be noticed.
func shutGate(db *frail, m mode) {
	db.set(m)
	for range 3 {
		_ = visit(context.Background(), db, noReplay)
	}
}

// Mutations seen to fail it: shut after one failure; count those that are no sign of an outage; do not
// start to count anew.
func TestWhatShutsTheGate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		modes []mode
		shut  bool
	}{
		"refused three times":          {[]mode{refusing, refusing, refusing}, true},
		"refused twice":                {[]mode{refusing, refusing}, false},
		"refused with a success":       {[]mode{refusing, refusing, up, refusing, refusing, up, refusing, refusing}, false},
		"too many clients":             {[]mode{crowded, crowded, crowded, crowded, crowded}, false},
		"a wrong password":             {[]mode{wrong, wrong, wrong, wrong}, false},
		"neither interrupts a series":  {[]mode{refusing, crowded, refusing, wrong, refusing}, true},
		"broken connections that dial": {[]mode{breaking, breaking, breaking, breaking}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				db := newFrail(10)
				for _, m := range tt.modes {
					db.set(m)
					_ = visit(t.Context(), db, noReplay)
					db.mu.Lock()
					db.idle = nil
					db.mu.Unlock()
				}
				db.set(refusing)
				dials := db.dials.Load()
				err := visit(t.Context(), db, retryable.Policy{MaxRetries: retryable.NoRetries, AcquireTimeout: 1})
				if shut := db.dials.Load() == dials || db.probes.Load() > 0; shut != tt.shut {
					t.Errorf("shut: %v", shut)
				}
				wantExhausted(t, err, 1, "replays used up")
				if !errors.Is(err, errRefused.Err) {
					t.Errorf("%v is not what the last dial failed with", err)
				}
			})
		})
	}
}

// While the gate is shut nobody dials but the probe; who does not wait fails at once but
// for a probe that is near, and is Disconnected.
//
// Mutation seen to fail it: let everybody dial.
func TestAShutGateKeepsAttemptsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newFrail(10)
		shutGate(db, refusing)
		time.Sleep(3 * time.Second) // nobody probes for nobody
		if n := db.dials.Load(); n != 3 {
			t.Errorf("%d dials", n)
		}
		_ = visit(t.Context(), db, noReplay) // makes the probe
		dials := db.dials.Load()
		start := time.Now()
		for range 20 {
			err := visit(t.Context(), db, noReplay)
			if ex := wantExhausted(t, err, 1, "replays used up"); retryable.ReasonOf(ex.Errs[0]) != retryable.Disconnected {
				t.Errorf("%v", ex.Errs[0])
			}
		}
		if took, probes := time.Since(start), db.dials.Load()-dials; took > 2200*time.Millisecond || probes > 12 {
			t.Errorf("20 took %v and %d dials", took, probes)
		}
	})
}
