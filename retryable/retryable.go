// Package retryable is the vocabulary of replays: why an attempt was thrown
// away, how an error says so, and how patiently to try again.
//
// An error asks for a replay by being [ErrRetry]:
//
//	if errors.Is(err, retryable.ErrRetry) { ... } // doomed; replay
//
// Adapters mark the errors of their database with a [Reason]; an application
// marks its own with [Mark]. Marking never changes the text of an error and
// never hides it: errors.Is and errors.As see through the mark.
//
// A [Policy] says how often, how long and how patiently attempts are replayed.
// [Interactive] is made for requests somebody waits for, [Persistent] for jobs
// that must get done.
package retryable

import "errors"

// ErrRetry is the sentinel of replays. errors.Is(err, ErrRetry) means: the
// attempt that met err is doomed, and running it again may succeed. Returning
// ErrRetry itself from a handler asks for a replay ([Requested]).
var ErrRetry error = &Error{Reason: Requested, Err: errors.New("replay requested")}

// Error marks an error with the reason why its attempt is doomed. Its text is
// the text of Err. Functions of this module return it as *Error.
type Error struct {
	Reason Reason
	Err    error
}

// Error returns the text of the marked error, unchanged.
func (e Error) Error() string {
	if e.Err == nil {
		return e.Reason.String()
	}
	return e.Err.Error()
}

// Unwrap returns the marked error.
func (e Error) Unwrap() error { return e.Err }

// Is reports true for [ErrRetry], unless the reason is [None], or
// [CommitUnknown], which must not be replayed before the outcome is known.
func (e Error) Is(target error) bool {
	return target == ErrRetry && e.Reason.Replayable()
}

func (e Error) reason() Reason { return e.Reason }

// Mark asks for a replay because of err: the result is [ErrRetry] with reason
// [Requested] and the text of err. Mark(nil) is nil.
//
// Mark the error of an application-level conflict: a version column that moved
// on, or a unique violation that another attempt would see as an update.
func Mark(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Reason: Requested, Err: err}
}

// ReasonOf returns the reason of the first [Error] in err's tree, [None] if
// there is none.
func ReasonOf(err error) Reason {
	if m, ok := errors.AsType[marked](err); ok {
		return m.reason()
	}
	return None
}

// marked is an Error, by value or by pointer.
type marked interface {
	error
	reason() Reason
}
