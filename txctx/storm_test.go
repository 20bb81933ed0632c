package txctx_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// Thirty seconds of outage at 500 requests a second.
//
// Mutations seen to fail it: no budget; do not stop the dials under way; probe every 50 ms; give a silent
// probe all the time it wants.
func TestAStormIsNotMadeWorse(t *testing.T) {
	t.Parallel()
	const warm, out, after = 11 * time.Second, 30 * time.Second, 12 * time.Second
	rate := 500
	if testing.Short() {
		rate = 100
	}
	waiting := retryable.Policy{ConnectWait: time.Minute, RetryFor: time.Minute}
	for name, tt := range map[string]struct {
		mode   mode
		policy retryable.Policy
		peak   float64       // seconds of requests that are there at once
		normal time.Duration // after the outage
		fails  bool
	}{
		"refusing, failing fast": {refusing, retryable.Policy{}, 2.7, 2 * time.Second, true},
		"refusing, waiting":      {refusing, waiting, 30.7, 2 * time.Second, false},
		// A probe that went out in silence is waited for for 5 s.
		"silent, failing fast":   {silent, retryable.Policy{}, 5.2, 6 * time.Second, true},
		"silent, waiting":        {silent, waiting, 36, 7 * time.Second, false},
		"breaking, failing fast": {breaking, retryable.Policy{}, 1, 2 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				db := newFrail(50)
				tr := newTraffic(db, rate, tt.policy)
				tr.flow(warm)
				db.set(tt.mode)
				tr.flow(time.Second)
				dials := db.dials.Load()
				tr.flow(out - time.Second)
				dials = db.dials.Load() - dials
				db.most.Store(0)
				db.set(up)
				tr.flow(after)
				tr.wg.Wait()
				tr.table(t)

				n, failed, _ := tr.arrived(warm, warm+out)
				tries := tr.tried(warm, warm+out)
				_, _, normal := tr.arrived(warm-5*time.Second, warm)
				_, failedAfter, p99 := tr.arrived(warm+out+tt.normal, warm+out+after)
				t.Logf("%d requests, %d failed, %d attempts (%.2f), %d dials, %d at once, p99 %v, was %v, most dials at once after it %d",
					n, failed, tries, float64(tries)/float64(n), dials, tr.peak, p99, normal, db.most.Load())
				// What was not used up in the ten seconds before counts.
				all, limit := len(tr.tries), 1.2*float64(len(tr.done))+10*(warm+out+after).Seconds()
				if float64(all) > limit {
					t.Errorf("%d attempts, want at most %.0f", all, limit)
				}
				if tt.mode != breaking {
					if limit := 1.2*float64(n) + 10*out.Seconds(); float64(tries) > limit {
						t.Errorf("%d attempts during the outage, want at most %.0f", tries, limit)
					}
					if perSecond := float64(dials) / (out.Seconds() - 1); perSecond > 4 {
						t.Errorf("%.1f dials a second", perSecond)
					}
				}
				if most := tt.peak * float64(rate); float64(tr.peak) > most {
					t.Errorf("%d requests at once, want at most %.0f", tr.peak, most)
				}
				if (failed > 0) != tt.fails || failedAfter > 0 {
					t.Errorf("%d failed, and %d after it", failed, failedAfter)
				}
				if p99 > 2*normal {
					t.Errorf("p99 is %v, was %v", p99, normal)
				}
			})
		})
	}
}

// A restart of 2 s is survived by all, and a failover of 5 s by those that wait for it.
//
// Mutations seen to fail it: let all replays go at once; make replays while the gate is shut; do not give
// back those that were not made.
func TestARestartIsSurvived(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		out    time.Duration
		rate   int
		policy retryable.Policy
		share  float64 // of the requests that arrive during the outage
	}{
		"2 s":              {2 * time.Second, 500, retryable.Policy{}, 0.99},
		"2 s, few":         {2 * time.Second, 2, retryable.Policy{}, 1},
		"5 s":              {5 * time.Second, 500, retryable.Policy{}, 0.3},
		"5 s, and waiting": {5 * time.Second, 500, retryable.Policy{ConnectWait: 6 * time.Second}, 1},
		"5 s, few waiting": {5 * time.Second, 2, retryable.Policy{ConnectWait: 6 * time.Second}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const warm = 11 * time.Second
				db := newFrail(50)
				tr := newTraffic(db, tt.rate, tt.policy)
				tr.flow(warm)
				db.set(refusing)
				tr.flow(tt.out)
				db.set(up)
				tr.flow(5 * time.Second)
				tr.wg.Wait()
				n, failed, _ := tr.arrived(warm, warm+tt.out)
				tries := tr.tried(warm, warm+tt.out+time.Second)
				share := 1 - float64(failed)/float64(n)
				t.Logf("%d requests, %.1f %% answered, %d attempts until a second after it", n, 100*share, tries)
				if share < tt.share {
					t.Errorf("%.1f %% were answered, want %.0f", 100*share, 100*tt.share)
				}
				if most := tr.most(warm, 10*time.Millisecond); most > 40 {
					t.Errorf("%d attempts within 10 ms", most)
				}
				if _, failed, _ := tr.arrived(warm+tt.out+time.Second, time.Hour); failed > 0 {
					t.Errorf("%d failed afterwards", failed)
				}
			})
		})
	}
}
