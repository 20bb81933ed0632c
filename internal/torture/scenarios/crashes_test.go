package scenarios

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/txctx"
)

// own is a server to be killed.
var own = torture.BedOptions{Own: true}

// kill9BeforeCommit: COMMIT is on its way when the server dies.
func kill9BeforeCommit(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{bed: own})
	hit := s.onCommit(faultproxy.Rule{Do: faultproxy.Hold})
	stop := s.when(hit, func() { s.must(s.crash()) })
	s.want("kill9-before-commit", s.try(nil), once(2, 1))
	stop()
}

// kill9AtCommit: the server dies up to 5 ms after COMMIT was forwarded, or up to 1 ms
// before. Either it was committed, and survived, or it is replayed.
func kill9AtCommit(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{bed: own})
	seed := torture.Seed()
	rnd := rand.New(rand.NewPCG(seed, 0))
	replayed := 0
	n := form(4, 500)
	for i := range n {
		s.want("unharmed", s.try(nil), once(1, 0)) // on a connection of the pool
		after := time.Duration(rnd.Int64N(int64(6*time.Millisecond))) - time.Millisecond
		// The answer takes a while, as over any network, or it would be there before.
		s.bed.Proxy.SetLatency(0, 4*time.Millisecond)
		hit := s.onCommit(faultproxy.Rule{Do: faultproxy.Delay, Delay: max(0, -after)})
		stop := s.when(hit, func() {
			time.Sleep(max(0, after)) // a part of the fault
			s.bed.Proxy.Refuse(true)
			s.bed.Proxy.CutAll(faultproxy.RST) // and what it has said last is lost with it
			s.must(s.crash())
			s.bed.Proxy.Refuse(false)
		})
		req := s.another()
		runs, looked := s.counts()
		answer, err := s.request(context.Background(), req, nil)
		stop() // and the server is back
		s.bed.Proxy.SetLatency(0, 0)
		s.must(err)
		runsAfter, lookedAfter := s.counts()
		got := s.told(answer, req, runsAfter-runs, lookedAfter-looked)
		s.want(fmt.Sprintf("%d. trial, %v after COMMIT", i, after), got, once(got.runs, got.looked))
		replayed += got.runs - 1
	}
	looked := s.app.Count(txctx.OutcomeLookedUp)
	t.Logf("seed %d: %d trials, %d look-ups, %d replays", seed, n, looked, replayed)
	if n >= 500 && (looked-replayed < 10 || replayed < 10) {
		t.Errorf("%d look-ups and %d replays prove little", looked, replayed)
	}
}

// must fails the test.
func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Error(err)
	}
}

// fastRestart: the server is restarted in the middle of a handler.
func fastRestart(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{bed: own, after: func(h hook) {
		if h.attempt == 1 {
			h.must(h.bed.Server.FastRestart(context.Background()))
			_ = h.exec(`select 1`) // and finds out
		}
	}})
	s.want("fast-restart", s.try(nil), once(2, 0))
}

// terminateMidHandler: the session is ended in the middle of a handler.
func terminateMidHandler(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{after: func(h hook) {
		if h.attempt == 1 {
			if n, err := h.bed.Server.EndSessions(context.Background()); n == 0 || err != nil {
				h.t.Errorf("%d sessions ended, %v", n, err)
			}
			_ = h.exec(`select 1`)
		}
	}})
	s.want("terminate-mid-handler", s.try(nil), once(2, 0))
}

// terminateVsCommit: the session is ended about the time that COMMIT arrives.
func terminateVsCommit(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		const clients = 4
		s := newStage(t, e, setup{variant: v, app: torture.AppOptions{Conns: clients}})
		seed := torture.Seed()
		n := form(100, 10_000)
		var wg, strikes sync.WaitGroup
		over := make(chan struct{})
		strike := func(rnd *rand.Rand) {
			hit := s.onCommit(faultproxy.Rule{Do: faultproxy.Delay, Delay: time.Duration(rnd.Int64N(int64(4 * time.Millisecond)))})
			pick := rand.New(rand.NewPCG(rnd.Uint64(), 0))
			strikes.Go(func() {
				select {
				case <-hit.Fired():
					_, err := s.bed.Server.EndSession(context.Background(), pick)
					s.must(err)
				case <-over:
				}
			})
		}
		for c := range clients {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(seed, uint64(c)))
				for range n / clients {
					strike(rnd)
					req := s.another()
					got, err := s.request(context.Background(), req, nil)
					if err != nil || got.Status != 200 {
						t.Errorf("%s: %d %s %v", req, got.Status, got.Body, err)
					}
				}
			})
		}
		wg.Wait()
		close(over)
		strikes.Wait()
		s.bed.Proxy.Clear()
		var committed, not int
		for _, ev := range s.app.Events() {
			switch {
			case ev.Kind != txctx.OutcomeLookedUp:
			case ev.Outcome == txctx.Committed:
				committed++
			default:
				not++
			}
		}
		t.Logf("seed %d: %d requests, %d replays, %d in doubt: %d committed, %d not",
			seed, n, s.app.Count(txctx.ReplayScheduled), committed+not, committed, not)
		if n >= 10_000 && committed+not < 100 {
			t.Error("that proves little")
		}
	})
}
