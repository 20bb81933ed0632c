package txctx

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// Gated is what a [DB] may implement so that a database that is down is dialed by one,
// and not by every attempt.
type Gated interface {
	DB

	// Gate returns the gate of the database, always the same. All runs on the DB share
	// it.
	Gate() *Gate

	// Probe makes a new connection, past the pool, has the server answer something on
	// it that takes no locks, and closes it. Its errors are marked with their reason
	// as those of [Control.Connect] are. It ends with ctx.
	Probe(ctx context.Context) error
}

// Gate keeps attempts away from a database that is down. Adapters keep one with each
// pool, see [Gated]; the zero value is open and ready.
//
// It shuts when three dials in a row, of whichever attempts, have failed as
// retryable.Disconnected or Failover, and none succeeded between them. While it is shut
// nobody dials but one probe at a time, after pauses with jitter that grow from 50 to
// 500 ms; it is made by one of those who wait, or by whoever comes next, and given up
// after 2 to 5 s without an answer. All others fail with what the last dial failed with:
// after Policy.ConnectWait, or without one at once, but for up to 100 ms where a probe is
// due. Those whose dials were under way, as in a network that has gone silent, fail at
// once as well, see [Control.Dialing].
//
// After a probe the gate lets in two at a time, and two more for each that succeeds,
// until it stands open, so that a database that has just come up is not met by everybody.
type Gate struct {
	// state is epoch, doubled, and one more while there is trouble: what an attempt
	// looks at where all is well.
	state atomic.Uint64

	mu       sync.Mutex
	stand    stand
	epoch    uint64    // how often it was shut
	failures int       // dials that failed since the last that did not
	refusal  error     // what the last one failed with
	since    time.Time // it has not stood open since then
	window   int       // how many dials may be under way, while it is opening
	active   int       // how many are
	waiting  list.List // of *guest
	dials    dialing   // the head of the list of those under way
	probes   probes
}

type stand uint8

const (
	gateOpen stand = iota
	gateShut
	gateOpening
)

const (
	shutAfter   = 3  // failures
	firstWindow = 2  // dials
	fullWindow  = 64 // with that many the gate may as well stand open
)

// pass is leave to dial.
type pass struct {
	epoch    uint64
	admitted bool // it is one of the window's
}

// calm returns a pass where all is well, without waiting.
func (g *Gate) calm() (pass, bool) {
	s := g.state.Load()
	return pass{epoch: s >> 1}, s&1 == 0
}

// heard is leave for those who have not dialed through the gate. A nil gate hears nothing.
func (g *Gate) heard(p pass, n news, err error) {
	if g != nil {
		g.leave(p, n, err)
	}
}

// why returns what the database was last found to be down with.
func (g *Gate) why() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refusal
}

// isShut reports whether attempts are kept away. A nil gate never is.
func (g *Gate) isShut() bool {
	if g == nil {
		return false
	}
	if _, calm := g.calm(); calm {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stand == gateShut
}

// signal tells calm how things stand.
func (g *Gate) signal() {
	s := g.epoch << 1
	if g.stand != gateOpen || g.failures > 0 {
		s++
	}
	g.state.Store(s)
}

// news is what a dial says about the database.
type news uint8

const (
	noNews   news = iota // it was stopped, the pool is full, or the like
	goodNews             // the server has answered
	badNews              // it cannot be reached
)

// newsOf returns what the error of a dial says.
func newsOf(err error) news {
	switch {
	case err == nil:
		return goodNews
	case unreachable(retryable.ReasonOf(err)):
		return badNews
	}
	return noNews
}

func unreachable(r retryable.Reason) bool {
	return r == retryable.Disconnected || r == retryable.Failover
}

// leave ends a dial. err is why it failed.
func (g *Gate) leave(p pass, n news, err error) {
	if n != badNews && !p.admitted && g.state.Load() == p.epoch<<1 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.epoch != g.epoch { // old news
		return
	}
	if p.admitted {
		g.active--
	}
	switch n {
	case goodNews:
		g.failures = 0
		if g.stand == gateOpening {
			g.widen()
		}
	case badNews:
		g.failures++
		g.refuseWith(err)
		if g.failures >= shutAfter || g.stand == gateOpening && g.window == firstWindow {
			g.shut()
		}
	case noNews:
	}
	if g.stand == gateOpening {
		g.admit()
	}
	g.signal()
}

func (g *Gate) shut() {
	if g.stand == gateOpen {
		g.since, g.probes.failed, g.probes.silent = time.Now(), 0, 0
	} else {
		g.probes.failed++ // what it was good for has not helped
	}
	g.stand = gateShut
	g.epoch++
	g.active, g.failures = 0, 0
	g.signal()
	g.stopDials()
	g.dismiss()
	g.schedule()
}

// open is called when a probe has succeeded.
func (g *Gate) open() {
	g.stand, g.window, g.active = gateOpening, firstWindow, 0
	g.release()
	g.admit()
}

func (g *Gate) widen() {
	g.window++
	if g.window >= fullWindow && g.waiting.Len() == 0 {
		g.stand = gateOpen
	}
}
