package retryable_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

func ExampleMark() {
	errMoved := errors.New("the document was changed meanwhile")
	err := retryable.Mark(errMoved)
	fmt.Println(err)
	fmt.Println(errors.Is(err, retryable.ErrRetry), errors.Is(err, errMoved))
	// Output:
	// the document was changed meanwhile
	// true true
}

func ExampleReasonOf() {
	err := fmt.Errorf("transfer: %w", &retryable.Error{
		Reason: retryable.Deadlock,
		Err:    errors.New("deadlock detected"),
	})
	fmt.Println(retryable.ReasonOf(err))
	fmt.Println(retryable.ReasonOf(errors.New("syntax error")))
	// Output:
	// deadlock
	// none
}

func ExamplePolicy() {
	p := retryable.Policy{MaxRetries: 2, RetryFor: time.Second} // the rest is Interactive's
	fmt.Println(p.Validate(), p.WithDefaults().CommitTimeout)
	fmt.Println(retryable.Policy{RetryFor: -time.Second}.Validate())
	// Output:
	// <nil> 5s
	// RetryFor: -1s is negative; Forever sets no limit
}

func ExampleExhaustedError() {
	full := errors.New("no room")
	var err error = &retryable.ExhaustedError{
		Attempts: 6,
		Errs:     []error{&retryable.Error{Reason: retryable.Overloaded, Err: full}},
		Why:      "replays used up",
	}
	fmt.Println(err)
	fmt.Println(errors.Is(err, full), errors.Is(err, retryable.ErrRetry))
	// Output:
	// gave up after attempt 6 (replays used up): no room
	// true false
}
