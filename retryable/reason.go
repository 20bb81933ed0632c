package retryable

import "strconv"

// Reason says why an attempt is doomed.
type Reason uint8

const (
	// None is the verdict on every error that a replay would only meet again.
	None Reason = iota
	// Requested: the application asked, see [Mark].
	Requested
	// Serialization: the database refused this order of transactions.
	Serialization
	// Deadlock: the database chose this transaction as the victim.
	Deadlock
	// LockTimeout: a lock was not granted in time.
	LockTimeout
	// Disconnected: the connection was lost, or could not be made.
	Disconnected
	// Failover: the server is going away, coming up, or is not the primary.
	Failover
	// Overloaded: the database, or the pool before it, has no room.
	Overloaded
	// CommitUnknown: COMMIT was sent and its answer did not arrive. Errors with
	// this reason are not [ErrRetry].
	CommitUnknown
)

var reasonNames = [...]string{
	None:          "none",
	Requested:     "requested",
	Serialization: "serialization",
	Deadlock:      "deadlock",
	LockTimeout:   "lock_timeout",
	Disconnected:  "disconnected",
	Failover:      "failover",
	Overloaded:    "overloaded",
	CommitUnknown: "commit_unknown",
}

// String returns the reason in lower snake case, fit for a metric label.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "reason(" + strconv.Itoa(int(r)) + ")"
}

// Replayable reports whether an attempt doomed for this reason may be replayed
// without knowing more: true for all but [None] and [CommitUnknown].
func (r Reason) Replayable() bool {
	return r > None && r < CommitUnknown
}

// Outage reports whether the reason lies in the database or the way to it, not
// in a conflict with other transactions. Replays after an outage pause longer.
func (r Reason) Outage() bool {
	return r == Disconnected || r == Failover || r == Overloaded
}

// Lost reports whether a connection that met the reason leads nowhere, or to a server
// that is not the right one, so that it must not be used again: true for
// [Disconnected], [Failover] and [CommitUnknown].
func (r Reason) Lost() bool {
	return r == Disconnected || r == Failover || r == CommitUnknown
}
