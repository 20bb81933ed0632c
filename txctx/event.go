package txctx

import (
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// EventKind says what an [Event] tells.
type EventKind uint8

const (
	// AttemptStarted: an attempt is about to run. Attempt is its number. Of a replay,
	// Reason and Phase are why and where the attempt before was doomed.
	AttemptStarted EventKind = iota + 1
	// AttemptEnded: an attempt was committed, rolled back, or lost sight of. Reason to
	// Duration are set; Queued, if it had to wait.
	AttemptEnded
	// ReplayScheduled: the attempt is to be replayed after Pause, because of Reason. It
	// is not where meanwhile the context ends, Stopping is closed, or the database stays
	// down.
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

	// Errs says, at RequestFinished, why attempts were doomed, oldest first. After
	// very many the middle is left out. Do not change it.
	Errs []error

	// Protected reports, at RequestFinished, whether a lost connection would
	// have been survived by a replay until the very end. Gap and Why say why not:
	// Gap in one of few words, Why in those of whoever disabled replay.
	Protected bool
	Gap       Gap
	Why       string

	// Stored reports, at RequestFinished, that the run had a [Key] whose answer
	// was found: the function was not called, or not in the last attempt.
	Stored bool

	// Held is, at RequestFinished, how many bytes of request and response were kept
	// for the sake of replay, in memory and files. The middleware sets it.
	Held int64
}

// Gap is why a run was not protected by replays until its end.
type Gap uint8

const (
	// NoGap: it was.
	NoGap Gap = iota
	// GapNoRetries: the policy makes no replays.
	GapNoRetries
	// GapDisabled: somebody called [DisableReplay].
	GapDisabled
	// GapStatement: a statement may have committed what came before it, see
	// [Control.Fence].
	GapStatement
	// GapBody: the request's body did not arrive whole. The middleware says so.
	GapBody
)

// String returns the gap in lower snake case, fit for a metric label.
func (g Gap) String() string {
	switch g {
	case NoGap:
		return "none"
	case GapNoRetries:
		return "no_retries"
	case GapDisabled:
		return "disabled"
	case GapStatement:
		return "statement"
	case GapBody:
		return "body"
	}
	return "gap(?)"
}
