package retryable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/reprise-go/reprise/retryable"
)

var errBase = errors.New("base")

func marked(reason retryable.Reason, err error) error {
	return &retryable.Error{Reason: reason, Err: err}
}

func TestOnlyReplayableReasonsAreErrRetry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reason retryable.Reason
		text   string
		retry  bool
		outage bool
		lost   bool
	}{
		{retryable.None, "none", false, false, false},
		{retryable.Requested, "requested", true, false, false},
		{retryable.Serialization, "serialization", true, false, false},
		{retryable.Deadlock, "deadlock", true, false, false},
		{retryable.LockTimeout, "lock_timeout", true, false, false},
		{retryable.Disconnected, "disconnected", true, true, true},
		{retryable.Failover, "failover", true, true, true},
		{retryable.Overloaded, "overloaded", true, true, false},
		{retryable.CommitUnknown, "commit_unknown", false, false, true},
		{retryable.CommitUnknown + 1, "reason(9)", false, false, false},
	} {
		if got := tt.reason.String(); got != tt.text {
			t.Errorf("String() = %q, want %q", got, tt.text)
		}
		if got := errors.Is(marked(tt.reason, errBase), retryable.ErrRetry); got != tt.retry {
			t.Errorf("%v: errors.Is(err, ErrRetry) = %t", tt.reason, got)
		}
		if got := errors.Is(retryable.Error{Reason: tt.reason}, retryable.ErrRetry); got != tt.retry {
			t.Errorf("%v by value: errors.Is(err, ErrRetry) = %t", tt.reason, got)
		}
		if got := tt.reason.Replayable(); got != tt.retry {
			t.Errorf("%v.Replayable() = %t", tt.reason, got)
		}
		if got := tt.reason.Outage(); got != tt.outage {
			t.Errorf("%v.Outage() = %t", tt.reason, got)
		}
		if got := tt.reason.Lost(); got != tt.lost {
			t.Errorf("%v.Lost() = %t", tt.reason, got)
		}
	}
}

func TestPhasesHaveNames(t *testing.T) {
	t.Parallel()
	for phase, want := range map[retryable.Phase]string{
		retryable.Connect: "connect", retryable.Statement: "statement", retryable.Commit: "commit", 7: "phase(?)",
	} {
		if got := phase.String(); got != want {
			t.Errorf("Phase(%d).String() = %q, want %q", phase, got, want)
		}
	}
}

func TestAMarkChangesNoTextAndHidesNothing(t *testing.T) {
	t.Parallel()
	base := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	err := marked(retryable.Deadlock, fmt.Errorf("insert: %w", base))
	if got, want := err.Error(), "insert: "+base.Error(); got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("errors.Is does not see through the mark")
	}
	if got, ok := errors.AsType[*fs.PathError](err); !ok || got != base {
		t.Error("errors.As does not see through the mark")
	}
	if errors.Is(err, errBase) {
		t.Error("the mark is an error that is not in it")
	}
	if got := (retryable.Error{Reason: retryable.Failover}).Error(); got != "failover" {
		t.Errorf("text of a mark without error: %q", got)
	}
}

func TestMarkAsksForAReplay(t *testing.T) {
	t.Parallel()
	if err := retryable.Mark(nil); err != nil {
		t.Errorf("Mark(nil) = %v", err)
	}
	err := retryable.Mark(errBase)
	if !errors.Is(err, retryable.ErrRetry) || !errors.Is(err, errBase) || err.Error() != "base" {
		t.Errorf("Mark(base) = %#v", err)
	}
	if got := retryable.ReasonOf(err); got != retryable.Requested {
		t.Errorf("reason %v", got)
	}
}

func TestReasonOfIsTheFirstInTheTree(t *testing.T) {
	t.Parallel()
	deadlock := marked(retryable.Deadlock, errBase)
	failover := marked(retryable.Failover, errBase)
	for _, tt := range []struct {
		name string
		err  error
		want retryable.Reason
	}{
		{"nil", nil, retryable.None},
		{"plain", errBase, retryable.None},
		{"ErrRetry", retryable.ErrRetry, retryable.Requested},
		{"marked", deadlock, retryable.Deadlock},
		{"by value", retryable.Error{Reason: retryable.Overloaded}, retryable.Overloaded},
		{"wrapped", fmt.Errorf("a: %w", fmt.Errorf("b: %w", deadlock)), retryable.Deadlock},
		{"joined", errors.Join(errBase, failover, deadlock), retryable.Failover},
		{"two verbs", fmt.Errorf("%w and %w", errBase, deadlock), retryable.Deadlock},
		{"mark over mark", marked(retryable.Requested, deadlock), retryable.Requested},
	} {
		if got := retryable.ReasonOf(tt.err); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestErrRetryAsksForAReplayByItself(t *testing.T) {
	t.Parallel()
	if !errors.Is(fmt.Errorf("again: %w", retryable.ErrRetry), retryable.ErrRetry) {
		t.Error("a wrapped ErrRetry is not ErrRetry")
	}
	if got := retryable.ErrRetry.Error(); got != "replay requested" {
		t.Errorf("text %q", got)
	}
}

func TestOrAsksTheFirstFirst(t *testing.T) {
	t.Parallel()
	one := retryable.Classifier(func(f retryable.Fault) retryable.Reason {
		if f.ReadOnly {
			return retryable.Deadlock
		}
		return retryable.None
	})
	two := retryable.Classifier(func(retryable.Fault) retryable.Reason { return retryable.Overloaded })
	for _, tt := range []struct {
		c        retryable.Classifier
		readOnly bool
		want     retryable.Reason
	}{
		{one.Or(two), true, retryable.Deadlock},
		{one.Or(two), false, retryable.Overloaded},
		{retryable.Classifier(nil).Or(two), true, retryable.Overloaded},
	} {
		if got := tt.c(retryable.Fault{ReadOnly: tt.readOnly}); got != tt.want {
			t.Errorf("%v, want %v", got, tt.want)
		}
	}
}
