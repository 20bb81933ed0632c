package retryable

import (
	"time"

	"github.com/sethvargo/go-retry"
)

// Pacer draws the pauses of one run. It is stateful: make one for every run
// with [Policy.Pacer] and do not share it.
type Pacer struct {
	conflict, outage         Backoff
	conflictNext, outageNext retry.Backoff
}

// Pacer returns a new Pacer for one run. The policy must be valid; zero fields
// take their defaults.
func (p Policy) Pacer() *Pacer {
	p = p.WithDefaults()
	return &Pacer{conflict: p.Conflict, outage: p.Outage}
}

// Pause returns how long to wait before the next attempt, given why the last one
// was doomed. Conflicts and outages grow separately.
func (p *Pacer) Pause(r Reason) time.Duration {
	next := &p.conflictNext
	if r.Outage() || r == CommitUnknown {
		next = &p.outageNext
	}
	if *next == nil {
		b := p.conflict
		if next == &p.outageNext {
			b = p.outage
		}
		// The cap goes inside the jitter, or most late pauses would be exactly Max.
		*next = retry.WithFullJitter(retry.WithCappedDuration(b.Max, retry.NewExponential(b.Base)))
	}
	d, _ := (*next).Next() // never stops: the limits are the engine's
	return d
}
