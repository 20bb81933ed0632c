package scenarios

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/retryable"
)

// storm: the database is away for a while, and requests keep coming. Nothing is doubled,
// there are no more attempts than the budget of replays grants, and soon after all is as
// before.
func storm(t *testing.T, e torture.Engine) {
	perSecond, outage := form(100, 500), time.Duration(form(1500, 30_000))*time.Millisecond
	policy := retryable.Interactive()
	policy.RetryFor, policy.CommitTimeout = 2*time.Second, time.Second
	s := newStage(t, e, setup{policy: policy, app: torture.AppOptions{Conns: 16}})
	normal := s.burst(perSecond, time.Second)

	s.bed.Proxy.Refuse(true)
	s.bed.Proxy.CutAll(faultproxy.RST)
	runs, began := s.app.Runs(), time.Now()
	during := s.burst(perSecond, outage)
	s.bed.Proxy.Refuse(false)
	back := time.Now()
	budget := retryable.Interactive().OutageBudget
	granted := float64(normal.requests+during.requests)*budget.Share + max(outage, budget.Window).Seconds()*float64(budget.PerSecond)
	if attempts := s.app.Runs() - runs; float64(attempts) > float64(during.requests)+granted {
		t.Errorf("%d attempts of %d requests, with %.0f replays granted", attempts, during.requests, granted)
	}
	t.Logf("%v of outage: %d requests, %d answered by 200, %d attempts", back.Sub(began), during.requests, during.ok, s.app.Runs()-runs)

	limit := 3*normal.p99 + 100*time.Millisecond
	for {
		after := s.burst(perSecond, time.Second)
		if after.ok == after.requests && after.p99 <= limit {
			t.Logf("p99 %v before, %v within %v after", normal.p99, after.p99, time.Since(back))
			return
		}
		if time.Since(back) > 10*time.Second {
			t.Fatalf("p99 %v before, %v with %d of %d well 10 s after", normal.p99, after.p99, after.ok, after.requests)
		}
	}
}

// load is what many requests came to.
type load struct {
	requests, ok int
	p99          time.Duration
}

// burst sends requests at a rate, whatever becomes of those before.
func (s *stage) burst(perSecond int, length time.Duration) (l load) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for end := time.Now().Add(length); time.Now().Before(end); l.requests++ {
		<-tick.C
		wg.Go(func() {
			began := time.Now()
			got, err := s.request(context.Background(), s.another(), nil)
			s.must(err)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(began))
			if got.Status == 200 {
				l.ok++
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	l.p99 = took[len(took)*99/100]
	return l
}

// purgeEarly: the row of an attempt must outlive the question what became of it. While
// the answer to COMMIT is missing, the ledger is purged: with the default retention the
// row stays; without it, the request is done twice, and the checkers say so.
//
// Mutation seen to fail it: purge whatever the age.
func purgeEarly(t *testing.T, e torture.Engine) {
	for name, early := range map[string]bool{"default": false, "control": true} {
		t.Run(name, func(t *testing.T) {
			o := setup{}
			if early {
				o.broken = func(s *stage) {
					for _, v := range s.violations() {
						if v.Invariant == 1 {
							return
						}
					}
					t.Error("the checkers did not find what was done twice")
				}
			}
			s := newStage(t, e, o)
			hit := s.onCommit(faultproxy.Rule{AwaitReply: true, Then: faultproxy.CutClient})
			held := s.bed.Proxy.Add(faultproxy.Rule{When: byLedger.look(), Do: faultproxy.Hold})
			stop := s.when(held, func() {
				if early {
					s.bed.Exec(t, `delete from reprise_ledger`)
				} else if n, err := s.app.Purge(context.Background()); n != 0 || err != nil {
					t.Errorf("%d rows purged, %v", n, err)
				}
				held.Release()
			})
			got := s.try(nil)
			stop()
			want := once(1, 1)
			if early {
				want = seen{status: 200, attempt: 2, runs: 2, looked: 1, effects: "[1 2]"}
			}
			s.want(name, got, want)
			if hit.Count() != 1 {
				t.Errorf("%d faults", hit.Count())
			}
		})
	}
}
