package txctx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// tell is one event in a line, without the times.
func tell(ev txctx.Event) string {
	switch ev.Kind {
	case txctx.AttemptStarted:
		return fmt.Sprintf("%v %d", ev.Kind, ev.Attempt)
	case txctx.AttemptEnded:
		return fmt.Sprintf("%v %d: %v, %v in %v, %v", ev.Kind, ev.Attempt, ev.Outcome, ev.Reason, ev.Phase, ev.Err)
	case txctx.ReplayScheduled:
		return fmt.Sprintf("%v %d: %v in %v, %v", ev.Kind, ev.Attempt, ev.Reason, ev.Phase, ev.Err)
	}
	return fmt.Sprintf("%v %d: %v, %v, %t %s", ev.Kind, ev.Attempt, ev.Outcome, ev.Err, ev.Protected, ev.Why)
}

func TestEventsTellTheStoryOfARun(t *testing.T) {
	t.Parallel()
	lost := fakedb.Fault(retryable.Disconnected)
	conflict := fakedb.Fault(retryable.Serialization)
	for _, tt := range []struct {
		name   string
		script []fakedb.Attempt
		o      txctx.Options
		fn     fn
		want   []string
	}{
		{"success", nil, txctx.Options{}, write("a"), []string{
			"attempt_started 1",
			"attempt_ended 1: committed, none in commit, <nil>",
			"request_finished 1: committed, <nil>, true ",
		}},
		{"three ways to be doomed", []fakedb.Attempt{{Connect: []error{lost}}, {Statements: []error{conflict}}, {CommitErr: conflict}}, txctx.Options{}, write("a"), []string{
			"attempt_started 1",
			"attempt_ended 1: rolled_back, disconnected in connect, fake disconnected",
			"replay_scheduled 1: disconnected in connect, fake disconnected",
			"attempt_started 2",
			"attempt_ended 2: rolled_back, serialization in statement, fake serialization",
			"replay_scheduled 2: serialization in statement, fake serialization",
			"attempt_started 3",
			"attempt_ended 3: rolled_back, serialization in commit, fake serialization",
			"replay_scheduled 3: serialization in commit, fake serialization",
			"attempt_started 4",
			"attempt_ended 4: committed, none in commit, <nil>",
			"request_finished 4: committed, <nil>, true ",
		}},
		{"rolled back by wish", nil, txctx.Options{}, func(ctx context.Context) error { txctx.Rollback(ctx); return nil }, []string{
			"attempt_started 1",
			"attempt_ended 1: rolled_back, none in connect, <nil>",
			"request_finished 1: rolled_back, <nil>, true ",
		}},
		{"plain", nil, txctx.Options{}, func(context.Context) error { return errPlain }, []string{
			"attempt_started 1",
			"attempt_ended 1: rolled_back, none in connect, plain",
			"request_finished 1: rolled_back, plain, true ",
		}},
		{"unknown", []fakedb.Attempt{{CommitErr: lost, Outcome: txctx.Unknown}}, txctx.Options{}, write("a"), []string{
			"attempt_started 1",
			"attempt_ended 1: unknown, commit_unknown in commit, outcome of COMMIT unknown: fake disconnected",
			"request_finished 1: unknown, outcome of COMMIT unknown: fake disconnected, true ",
		}},
		{"fenced", nil, txctx.Options{}, func(ctx context.Context) error { txctx.DisableReplay(ctx, "mail"); return retryable.ErrRetry }, []string{
			"attempt_started 1",
			"attempt_ended 1: rolled_back, requested in statement, replay requested",
			"request_finished 1: rolled_back, gave up after attempt 1 (replay disabled: mail): replay requested, false mail",
		}},
		{"no retries", nil, txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}, write("a"), []string{
			"attempt_started 1",
			"attempt_ended 1: committed, none in commit, <nil>",
			"request_finished 1: committed, <nil>, false no retries configured",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got []string
				tt.o.Observe = func(_ context.Context, ev txctx.Event) { got = append(got, tell(ev)) }
				_ = txctx.Run(t.Context(), fakedb.New(tt.script...), tt.o, tt.fn)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAPanicIsAFinishedRequest(t *testing.T) {
	t.Parallel()
	var last txctx.Event
	o := txctx.Options{Observe: func(_ context.Context, ev txctx.Event) { last = ev }}
	_ = panicOf(func() {
		_ = txctx.Run(t.Context(), fakedb.New(), o, func(context.Context) error { panic("x") })
	})
	if last.Kind != txctx.RequestFinished || last.Err == nil || errors.Is(last.Err, retryable.ErrRetry) {
		t.Errorf("last event %+v", last)
	}
}

func TestNamesOfKindsAndOutcomes(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(txctx.RolledBack, txctx.Committed, txctx.Unknown, txctx.Outcome(9), txctx.RequestFinished, txctx.EventKind(0))
	if want := "rolled_back committed unknown outcome(?) request_finished event(?)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
