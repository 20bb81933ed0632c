package retryable

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

const (
	// NoRetries, as Policy.MaxRetries, makes the first attempt the only one.
	NoRetries = -1
	// Unlimited, as Policy.MaxRetries, sets no limit to the number of replays.
	Unlimited int = math.MaxInt
	// Forever, as any duration of a Policy, sets no limit to it.
	Forever time.Duration = math.MaxInt64
)

// Policy says how often, how long and how patiently an attempt is replayed. The
// zero value is [Interactive]; a zero field takes Interactive's value. A Policy
// is a plain value: copy it, change it, share it.
type Policy struct {
	// MaxRetries is the number of replays after the first attempt: 5 means up to
	// 6 attempts. [NoRetries] for none, [Unlimited] for no limit. Default 5.
	MaxRetries int

	// RetryFor bounds the whole: no replay starts later than this after the
	// request arrived, pauses included. Default 10 s.
	RetryFor time.Duration

	// ConnectWait is how long one attempt waits for a database that cannot be
	// reached before it is doomed. Waiting uses up no replays, no budget and no
	// AttemptTimeout. Default 0: it is doomed at once, also when the database is
	// known to be down. Its replays wait for the database for a quarter of RetryFor
	// in all, where the outage is not older than RetryFor. After that they fail at
	// once, or are not made at all where more than one a second of them would be.
	ConnectWait time.Duration

	// AcquireTimeout is how long one attempt waits for a connection of a pool
	// that is empty; then it is doomed as [Overloaded]. Default 5 s.
	AcquireTimeout time.Duration

	// AttemptTimeout bounds one attempt, so that a silent network cannot hold a
	// connection for ever; it begins anew after every pause within ConnectWait.
	// A statement that it cuts off dooms the attempt as [Disconnected]. Default
	// 60 s.
	AttemptTimeout time.Duration

	// CommitTimeout is how long to wait for the answer to COMMIT or ROLLBACK.
	// Both are sent even when the request's own context has ended meanwhile.
	// Default 5 s.
	CommitTimeout time.Duration

	// ResolveFor is how long to look for the outcome of a COMMIT whose answer
	// did not arrive. Default 5 s.
	ResolveFor time.Duration

	// Conflict paces the replays of conflicts: [Requested], [Serialization],
	// [Deadlock], [LockTimeout]. Default 5 ms, growing to 250 ms.
	Conflict Backoff

	// Outage paces the replays of [Disconnected], [Failover], [Overloaded] and
	// [CommitUnknown], and the dials within ConnectWait until the database is
	// known to be down. Default 50 ms, growing to 1 s.
	Outage Backoff

	// ConflictBudget and OutageBudget bound the replays of all runs that share
	// them, such as the requests of one middleware, for the reasons that Conflict
	// and Outage pace. Default no limit for conflicts, and for outages 20 % of the
	// runs and 10 a second, over 10 s.
	ConflictBudget, OutageBudget Budget
}

// Backoff is exponential back-off with full jitter: the n-th pause is drawn
// evenly from zero to Base doubled n-1 times, at most Max.
type Backoff struct {
	Base time.Duration // zero with Max takes the default of both
	Max  time.Duration
}

// Interactive returns the policy for requests that somebody waits for: five
// replays within ten seconds, and a database that cannot be reached dooms the
// attempt at once.
func Interactive() Policy {
	return Policy{
		MaxRetries:     5,
		RetryFor:       10 * time.Second,
		ConnectWait:    0,
		AcquireTimeout: 5 * time.Second,
		AttemptTimeout: 60 * time.Second,
		CommitTimeout:  5 * time.Second,
		ResolveFor:     5 * time.Second,
		Conflict:       Backoff{Base: 5 * time.Millisecond, Max: 250 * time.Millisecond},
		Outage:         Backoff{Base: 50 * time.Millisecond, Max: time.Second},
		ConflictBudget: Budget{PerSecond: Unlimited},
		OutageBudget:   Budget{Share: 0.2, PerSecond: 10, Window: defaultWindow},
	}
}

// Persistent returns the policy for scripts and jobs that must get done: replays
// without limit or budget, and waiting for the database, with exponential back-off
// and jitter, until the context ends. Attempts may take as long as they need; set
// AttemptTimeout where the longest useful one is known.
func Persistent() Policy {
	p := Interactive()
	p.MaxRetries = Unlimited
	p.RetryFor = Forever
	p.ConnectWait = Forever
	p.AcquireTimeout = Forever
	p.AttemptTimeout = Forever
	p.Outage = Backoff{Base: 100 * time.Millisecond, Max: 10 * time.Second}
	p.OutageBudget = Budget{PerSecond: Unlimited}
	return p
}

// WithDefaults returns p with every zero field set to the value it has in
// [Interactive].
func (p Policy) WithDefaults() Policy {
	d := Interactive()
	p.MaxRetries = cmp.Or(p.MaxRetries, d.MaxRetries)
	p.RetryFor = cmp.Or(p.RetryFor, d.RetryFor)
	p.ConnectWait = cmp.Or(p.ConnectWait, d.ConnectWait)
	p.AcquireTimeout = cmp.Or(p.AcquireTimeout, d.AcquireTimeout)
	p.AttemptTimeout = cmp.Or(p.AttemptTimeout, d.AttemptTimeout)
	p.CommitTimeout = cmp.Or(p.CommitTimeout, d.CommitTimeout)
	p.ResolveFor = cmp.Or(p.ResolveFor, d.ResolveFor)
	p.Conflict = cmp.Or(p.Conflict, d.Conflict)
	p.Outage = cmp.Or(p.Outage, d.Outage)
	p.ConflictBudget = p.ConflictBudget.or(d.ConflictBudget)
	p.OutageBudget = p.OutageBudget.or(d.OutageBudget)
	return p
}

// Validate returns an error that names the first field with an impossible
// value, nil if there is none. Zero fields are fine.
func (p Policy) Validate() error {
	if p.MaxRetries < NoRetries {
		return fmt.Errorf("MaxRetries: %d is neither a number of replays nor NoRetries", p.MaxRetries)
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{
		{"RetryFor", p.RetryFor},
		{"ConnectWait", p.ConnectWait},
		{"AcquireTimeout", p.AcquireTimeout},
		{"AttemptTimeout", p.AttemptTimeout},
		{"CommitTimeout", p.CommitTimeout},
		{"ResolveFor", p.ResolveFor},
	} {
		if f.d < 0 {
			return fmt.Errorf("%s: %v is negative; Forever sets no limit", f.name, f.d)
		}
	}
	for _, f := range []struct {
		name string
		b    Backoff
	}{{"Conflict", p.Conflict}, {"Outage", p.Outage}} {
		if f.b == (Backoff{}) {
			continue
		}
		if f.b.Base <= 0 || f.b.Max < f.b.Base {
			return fmt.Errorf("%s: want 0 < Base <= Max, have Base %v, Max %v", f.name, f.b.Base, f.b.Max)
		}
	}
	for _, f := range []struct {
		name string
		b    Budget
	}{{"ConflictBudget", p.ConflictBudget}, {"OutageBudget", p.OutageBudget}} {
		if err := f.b.validate(); err != nil {
			return fmt.Errorf("%s.%w", f.name, err)
		}
	}
	return nil
}
