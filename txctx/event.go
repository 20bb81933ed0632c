package txctx

import (
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// EventKind says what an [Event] tells.
type EventKind uint8

const (
	// AttemptStarted: an attempt is about to run. Attempt is its number.
	AttemptStarted EventKind = iota + 1
	// AttemptEnded: an attempt was committed, rolled back, or lost sight of. All
	// fields but Pause, Protected, Why and Stored are set; Queued, if it had to wait.
	AttemptEnded
	// ReplayScheduled: the attempt is replayed after Pause, because of Reason.
	ReplayScheduled
	// OutcomeLookedUp: COMMIT got no answer, and Outcome is what was found out within
	// Duration; Unknown with Err.
	OutcomeLookedUp
	// RequestFinished: Run is about to return Err. Attempt is the number of
	// attempts, Duration the time of them all, hooks included.
	RequestFinished
)

// String returns the kind in lower snake case.
func (k EventKind) String() string {
	switch k {
	case AttemptStarted:
		return "attempt_started"
	case AttemptEnded:
		return "attempt_ended"
	case ReplayScheduled:
		return "replay_scheduled"
	case OutcomeLookedUp:
		return "outcome_looked_up"
	case RequestFinished:
		return "request_finished"
	}
	return "event(?)"
}

// Event is what [Options].Observe is told. Fields that do not belong to a kind
// are zero.
type Event struct {
	Kind     EventKind
	Attempt  int              // its number, from 1
	Reason   retryable.Reason // why the attempt was doomed; None if it was not
	Phase    retryable.Phase  // where; meaningful with a Reason
	Outcome  Outcome          // what became of the transaction
	Err      error            // the error of the attempt or of the run, nil if none
	Duration time.Duration
	Queued   time.Duration // of Duration, what an attempt waited for its turn in its lane
	Pause    time.Duration

	// Protected reports, at RequestFinished, whether a lost connection would
	// have been survived by a replay until the very end. Why says why not.
	Protected bool
	Why       string

	// Stored reports, at RequestFinished, that the run had a [Key] whose answer
	// was found: the function was not called, or not in the last attempt.
	Stored bool
}
