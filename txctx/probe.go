package txctx

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// probes are the dials of a gate that is shut.
type probes struct {
	underWay bool
	next     time.Time   // no earlier than this
	timer    *time.Timer // wakes somebody who waits, at next
	failed   int         // in a row
	silent   int         // of them, those that got no answer
}

const (
	// The pauses between probes are drawn from the upper half of what doubles from the
	// first to the longest.
	firstProbePause   = 50 * time.Millisecond
	longestProbePause = 500 * time.Millisecond

	// The time of a probe, which doubles each time that it was too short. What was
	// lost on the way of the last one is not sent again soon enough.
	firstProbeLimit   = 2 * time.Second
	longestProbeLimit = 5 * time.Second
)

// takeProbe reports whether the caller has to make the probe.
func (g *Gate) takeProbe() bool {
	if g.probes.underWay || time.Now().Before(g.probes.next) {
		return false
	}
	g.probes.underWay = true
	return true
}

// moment is what those wait for a probe who do not wait for the database: so that a
// connection or three that broke by themselves doom nobody else.
const moment = 2 * firstProbePause

// probeIsNear reports whether the next probe ends within a moment, for all one knows.
func (g *Gate) probeIsNear() bool {
	return g.probes.underWay || time.Until(g.probes.next) <= firstProbePause
}

// schedule sets the time of the next probe.
func (g *Gate) schedule() {
	longest := min(firstProbePause<<min(g.probes.failed, 10), longestProbePause)
	g.wakeAfter(longest/2 + rand.N(longest/2))
}

func (g *Gate) wakeAfter(d time.Duration) {
	g.probes.next = time.Now().Add(d)
	if g.probes.timer == nil {
		g.probes.timer = time.AfterFunc(d, g.wake)
		return
	}
	g.probes.timer.Reset(d)
}

// wake has somebody who waits make the probe: who came last, since most who came before
// will soon have waited for long enough.
func (g *Gate) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stand == gateShut && g.waiting.Len() > 0 && g.takeProbe() {
		g.tell(g.waiting.Back(), wordProbe)
	}
}

// probe makes the probe on behalf of its caller, for no longer than limit. If that ends
// it, somebody else takes over at once.
func (g *Gate) probe(ctx context.Context, db DB, limit time.Duration) {
	g.mu.Lock()
	full := min(firstProbeLimit<<min(g.probes.silent, 10), longestProbeLimit)
	g.mu.Unlock()
	short, cancel := context.WithTimeout(ctx, min(limit, full))
	defer cancel()
	done := false
	defer func() {
		if !done { // a panic, or runtime.Goexit
			g.probed(false, errLeft, false)
		}
	}()
	err := db.(Gated).Probe(short)
	silent := short.Err() != nil
	conclusive := err == nil || ctx.Err() == nil && (!silent || limit >= full)
	done = true
	g.probed(conclusive, err, silent)
}

// probed learns from a probe.
func (g *Gate) probed(conclusive bool, err error, silent bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probes.underWay = false
	switch reason := retryable.ReasonOf(err); {
	case g.stand != gateShut:
	case !conclusive:
		g.wakeAfter(0)
	case err == nil, !silent && !reason.Outage(): // it answers, even if it refuses
		g.open()
		g.signal()
	default:
		g.probes.failed++
		if silent {
			g.probes.silent++
		}
		if unreachable(reason) {
			g.refuseWith(err)
		}
		g.dismiss()
		g.schedule()
	}
}
