package torture

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// Storm is many clients at once, while faults are done. In each round every client sends
// a few requests, one after the other; between rounds all is quiet, so that a round is a
// history of its own that can be checked.
type Storm struct {
	Seed     uint64
	Requests int
	Clients  int // 8
	PerRound int // requests of each client. 5
	Faults   []Fault
	Keys     Keys // none

	// Quiet is called after each round, and what it asked for belongs to that round.
	// nothing
	Quiet func(round int, start time.Time) []Op
}

// patience is how long a client waits for an answer: longer than any server may take.
const patience = 2 * time.Minute

// Run lets the storm loose on an app.
func (s Storm) Run(tb testing.TB, a *App) *History {
	tb.Helper()
	if s.Clients == 0 {
		s.Clients = 8
	}
	if s.PerRound == 0 {
		s.PerRound = 5
	}
	tb.Logf("%s, %s: seed %d, %d requests of %d clients, %d faults", a.Bed.Engine, a.Bed.Version, s.Seed, s.Requests, s.Clients, len(s.Faults))
	strikes := newStriker(a.Bed, s.Faults, func(what string) { tb.Errorf("a fault failed: %s", what) })
	mixes := make([]*mix, s.Clients)
	for c := range mixes {
		mixes[c] = newMix(s.Seed, c, s.Keys)
	}
	h := &History{Keys: s.Keys != NoKeys}
	start := time.Now()
	var sent atomic.Int64
	var mu sync.Mutex // of h.Ops
	for round := 0; int(sent.Load()) < s.Requests; round++ {
		h.Settled = append(h.Settled, strikes.settled(tb))
		var clients sync.WaitGroup
		for _, m := range mixes {
			clients.Go(func() {
				for range s.PerRound {
					n := int(sent.Add(1))
					if n > s.Requests {
						return
					}
					strikes.before(n)
					op := m.next()
					op.Round = round
					a.ask(&op, start)
					mu.Lock()
					h.Ops = append(h.Ops, op)
					mu.Unlock()
				}
			})
		}
		clients.Wait()
		if a.InUse() > 0 || a.Bed.Proxy.Conns() > 3*a.o.Conns {
			// The network comes back: black holes fill the server up, and pgx keeps
			// what sits in one for 15 s.
			a.Bed.Proxy.CutAll(faultproxy.RST)
		}
		if s.Quiet != nil {
			for _, op := range s.Quiet(round, start) {
				op.Round = round
				h.Ops = append(h.Ops, op)
			}
		}
	}
	strikes.wait()
	a.Bed.Proxy.Clear()
	a.Bed.Proxy.CutAll(faultproxy.RST)
	h.Settled = append(h.Settled, a.Bed.balances(tb))
	h.End = time.Since(start)
	return h
}
