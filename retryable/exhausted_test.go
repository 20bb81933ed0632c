package retryable_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/retryable"
)

// A loop around a loop would run 6 x 6 attempts. Mutation: let Unwrap return
// Errs, or let beneath leave marks inside a tree alone.
func TestExhaustedIsItsCausesButNotErrRetry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		cause error
	}{
		{"plain", errBase},
		{"marked", marked(retryable.Deadlock, errBase)},
		{"marked by value", retryable.Error{Reason: retryable.Deadlock, Err: errBase}},
		{"marked twice", retryable.Mark(marked(retryable.Deadlock, errBase))},
		{"mark wrapped", fmt.Errorf("insert: %w", marked(retryable.Deadlock, errBase))},
		{"mark over wrapped mark", retryable.Mark(fmt.Errorf("insert: %w", retryable.Mark(errBase)))},
		{"mark in a joined tree", errors.Join(errors.New("x"), marked(retryable.Failover, errBase))},
		{"base beside ErrRetry", fmt.Errorf("%w: %w", retryable.ErrRetry, errBase)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			exhausted := &retryable.ExhaustedError{Attempts: 1, Errs: []error{tt.cause}}
			for _, err := range []error{exhausted, *exhausted, fmt.Errorf("run: %w", exhausted)} {
				if errors.Is(err, retryable.ErrRetry) {
					t.Errorf("%T is ErrRetry", err)
				}
				if !errors.Is(err, errBase) {
					t.Errorf("%T is not its cause", err)
				}
				if reason := retryable.ReasonOf(err); reason.Replayable() {
					t.Errorf("%T has reason %v", err, reason)
				}
				if _, ok := errors.AsType[*retryable.Error](err); ok {
					t.Errorf("%T shows the mark of its cause to errors.As", err)
				}
			}
		})
	}
}

func TestExhaustedErrRetryItselfAndEmptyMarks(t *testing.T) {
	t.Parallel()
	err := &retryable.ExhaustedError{Attempts: 3, Errs: []error{
		retryable.ErrRetry, retryable.Error{Reason: retryable.Deadlock}, &retryable.Error{Reason: retryable.Failover}, nil,
	}}
	if errors.Is(err, retryable.ErrRetry) {
		t.Error("is ErrRetry")
	}
	if n := len(err.Unwrap()); n != 3 {
		t.Errorf("%d causes, want 3: the nil one is none", n)
	}
}

func TestExhaustedKeepsTheTypesOfItsCauses(t *testing.T) {
	t.Parallel()
	cause := fmt.Errorf("x: %w", retryable.Mark(&deepError{"deep"}))
	err := &retryable.ExhaustedError{Attempts: 1, Errs: []error{cause}}
	if got, ok := errors.AsType[*deepError](err); !ok || got.text != "deep" {
		t.Errorf("errors.As does not reach the cause: %v", got)
	}
}

type deepError struct{ text string }

func (e *deepError) Error() string { return e.text }

func TestExhaustedSaysHowOftenWhyAndWhatLast(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  retryable.ExhaustedError
		want string
	}{
		{retryable.ExhaustedError{Attempts: 1}, "gave up after attempt 1"},
		{retryable.ExhaustedError{Attempts: 6, Why: "replays used up"}, "gave up after attempt 6 (replays used up)"},
		{retryable.ExhaustedError{Attempts: 2, Errs: []error{errors.New("first"), retryable.Mark(errBase)}}, "gave up after attempt 2: base"},
		{retryable.ExhaustedError{Attempts: 1, Errs: []error{nil}}, "gave up after attempt 1"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	err := &retryable.ExhaustedError{Errs: []error{errors.New("first"), errBase}}
	var texts []string
	for _, cause := range err.Unwrap() {
		texts = append(texts, cause.Error())
	}
	if got := strings.Join(texts, " "); got != "first base" {
		t.Errorf("causes %q, want the oldest first", got)
	}
}
