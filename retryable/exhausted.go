package retryable

import (
	"errors"
	"fmt"
)

// ExhaustedError says that an attempt was doomed and no further one was made:
// the replays, the time or the budget of the [Policy] are used up, replay was
// disabled, the database stayed down, or the context ended during back-off.
//
// It is not [ErrRetry] itself, whatever its causes are: a loop around the loop
// must not multiply the attempts.
type ExhaustedError struct {
	// Attempts is the number of attempts made, at least 1.
	Attempts int
	// Errs says why each of them was doomed, oldest first, with their marks, so
	// that [ReasonOf] works on each. After very many attempts the middle is left
	// out.
	Errs []error
	// Why says what ended the replays: "replays used up", "out of time", "budget
	// used up", "database down", "replay disabled: ...", "stopping" or "context ended".
	Why string
	// Cause is the cause of the context that ended the replays, nil where it was
	// something else.
	Cause error
}

// Error returns the number of attempts, what ended them and why the last one was
// doomed.
func (e ExhaustedError) Error() string {
	msg := fmt.Sprintf("gave up after attempt %d", e.Attempts)
	if e.Why != "" {
		msg += " (" + e.Why
		if e.Cause != nil {
			msg += ": " + e.Cause.Error()
		}
		msg += ")"
	}
	if n := len(e.Errs); n > 0 && e.Errs[n-1] != nil {
		msg += ": " + e.Errs[n-1].Error()
	}
	return msg
}

// Unwrap returns the causes, oldest first, beneath their marks, and Cause.
func (e ExhaustedError) Unwrap() []error {
	causes := make([]error, 0, len(e.Errs)+1)
	for _, err := range e.Errs {
		if err = beneath(err); err != nil {
			causes = append(causes, err)
		}
	}
	if e.Cause != nil {
		causes = append(causes, e.Cause)
	}
	return causes
}

// beneath takes the marks off err. A mark in the middle of a tree cannot be taken
// out of it; there the tree is hidden behind one that denies being ErrRetry.
func beneath(err error) error {
	switch m := err.(type) { //nolint:errorlint // only the outermost mark can be peeled off
	case *Error:
		if m.Err != nil && err != ErrRetry { //nolint:errorlint // the sentinel itself
			return beneath(m.Err)
		}
	case Error:
		if m.Err != nil {
			return beneath(m.Err)
		}
	}
	if errors.Is(err, ErrRetry) {
		return unmarked{err}
	}
	return err
}

// unmarked is err without its being ErrRetry.
type unmarked struct{ err error }

func (u unmarked) Error() string { return u.err.Error() }

func (u unmarked) Is(target error) bool {
	return target != ErrRetry && errors.Is(u.err, target)
}

func (u unmarked) As(target any) bool {
	switch target.(type) {
	case **Error, *Error, *marked:
		return false
	}
	return errors.As(u.err, target)
}
