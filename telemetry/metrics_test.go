package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/telemetry"
	"github.com/reprise-go/reprise/txctx"
)

// TestTheStoryOfARunIsCounted: replays with their reason and phase, pauses, the look-up, and
// what ended it all, in the fake time of a bubble.
func TestTheStoryOfARunIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		lost := fakedb.Attempt{CommitErr: errPlain, Outcome: txctx.Unknown}
		lost.Resolve = func(context.Context) (txctx.Outcome, error) {
			time.Sleep(time.Second)
			return txctx.RolledBack, nil
		}
		db := fakedb.New(
			fakedb.Attempt{Connect: fakedb.Faults(1, retryable.Overloaded)},
			doomedBy(retryable.Serialization),
			lost,
			doomedBy(retryable.Deadlock),
		)
		pauses := time.Duration(0)
		o := b.options()
		o.Retry = retryable.Policy{MaxRetries: 3}
		o.Observe = func(ctx context.Context, ev txctx.Event) { // composed with one's own
			pauses += ev.Pause
			b.tel.Observe(ctx, ev)
		}
		if err := txctx.Run(t.Context(), db, o, write); err == nil {
			t.Error("no error")
		}
		got := b.counted()
		total := time.Duration(0)
		kept := got[:0]
		for _, line := range got {
			if strings.HasPrefix(line, "replay.pause") { // drawn by chance
				name, sum, _ := strings.Cut(line, "sum ")
				d, err := time.ParseDuration(sum + "s")
				if err != nil {
					t.Fatal(err)
				}
				total += d
				line = name + "sum"
			}
			kept = append(kept, line)
		}
		want := []string{
			"exhausted{reason=deadlock,why=replays_used_up}: 1",
			"outcome.lookup.duration{outcome=rolled_back}: 1, sum 1",
			"replay.pause{reason=disconnected}: 1, sum",
			"replay.pause{reason=overloaded}: 1, sum",
			"replay.pause{reason=serialization}: 1, sum",
			"replays{phase=commit,reason=disconnected}: 1",
			"replays{phase=connect,reason=overloaded}: 1",
			"replays{phase=statement,reason=serialization}: 1",
			"request.attempts{}: 1, sum 4",
			"request.held{}: 1, sum 0",
			"requests{gap=none,result=exhausted}: 1",
		}
		if diff := cmp.Diff(want, kept); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if off := (total - pauses).Abs(); off > time.Microsecond || pauses == 0 {
			t.Errorf("pauses of %v, counted %v", pauses, total)
		}
	})
}

// TestAReplayIsCountedWhenItIsMade: not where the client leaves during the pause.
//
// Mutation seen to fail it: count at ReplayScheduled.
func TestAReplayIsCountedWhenItIsMade(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := b.options()
	o.Observe = func(ctx context.Context, ev txctx.Event) {
		b.tel.Observe(ctx, ev)
		if ev.Kind == txctx.ReplayScheduled {
			cancel()
		}
	}
	_ = txctx.Run(ctx, fakedb.New(doomedBy(retryable.Deadlock)), o, write)
	got := strings.Join(b.counted(), "\n")
	if strings.Contains(got, "replays{") || !strings.Contains(got, "exhausted{reason=deadlock,why=context_ended}: 1") {
		t.Error(got)
	}
}

// TestWaitingInALaneIsMeasured, of those who had to.
func TestWaitingInALaneIsMeasured(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ended := txctx.Event{Kind: txctx.AttemptEnded, Attempt: 1}
	b.tel.Observe(t.Context(), ended)
	ended.Queued = 250 * time.Millisecond
	b.tel.Observe(t.Context(), ended)
	if diff := cmp.Diff([]string{"lane.wait{}: 1, sum 0.25"}, b.counted()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTheMiddlewareSaysWhatIsHeld and which gap is its own.
func TestTheMiddlewareSaysWhatIsHeld(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	cfg := middleware.Config{Observe: b.tel.Observe, AttemptContext: b.tel.AttemptContext, Logger: quiet}
	h := middleware.New(fakedb.New(), cfg)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 100)
		n, _ := r.Body.Read(body)
		_, _ = w.Write(body[:n])
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("hello")))
	broken := httptest.NewRequest(http.MethodPost, "/", failing{})
	h.ServeHTTP(httptest.NewRecorder(), broken)
	want := []string{
		"request.attempts{}: 2, sum 2",
		"request.held{}: 2, sum 10",
		"requests{gap=body,result=failed}: 1",
		"requests{gap=none,result=committed}: 1",
	}
	if diff := cmp.Diff(want, b.counted()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the client fell silent") }

// TestANumberOfTomorrowHasALabelOfToday: an event with a value that this package does not
// know is counted, and does not panic.
func TestANumberOfTomorrowHasALabelOfToday(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for _, kind := range []txctx.EventKind{txctx.AttemptStarted, txctx.ReplayScheduled, txctx.OutcomeLookedUp, txctx.RequestFinished, 99} {
		b.tel.Observe(t.Context(), txctx.Event{Kind: kind, Attempt: 2, Reason: 250, Phase: 250, Outcome: 250, Gap: 250, Err: errPlain})
	}
	if n := len(b.counted()); n != 6 {
		t.Errorf("%d lines: %q", n, b.counted())
	}
	if next := retryable.Reason(retryable.CommitUnknown + 1); !strings.HasPrefix(next.String(), "reason(") {
		t.Errorf("%v is a reason: the tables of this package do not know it", next)
	}
}

// TestNothingIsLostOrSharedBetweenRuns that happen at once.
func TestNothingIsLostOrSharedBetweenRuns(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const runs = 64
	var all sync.WaitGroup
	for range runs {
		all.Go(func() { _ = b.run(fakedb.New(doomedBy(retryable.Deadlock)), write) })
		all.Go(func() {
			defer func() { _ = recover() }()
			_ = b.run(fakedb.New(), func(context.Context) error { panic("x") })
		})
		all.Go(func() { _ = b.run(fakedb.New(), func(context.Context) error { runtime.Goexit(); return nil }) })
	}
	all.Wait()
	got := strings.Join(b.counted(), "\n")
	for _, want := range []string{"requests{gap=none,result=committed}: 64", "requests{gap=none,result=failed}: 128", "replays{phase=statement,reason=deadlock}: 64"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if started, ended := len(b.spans.Started()), len(b.spans.Ended()); started != ended || started != runs*7 {
		t.Errorf("%d spans started, %d ended, want %d", started, ended, runs*7)
	}
}

func TestNewFailsWhereAnInstrumentIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := telemetry.New(telemetry.Config{MeterProvider: refusing{}}); err == nil || !strings.HasPrefix(err.Error(), "telemetry: ") {
		t.Errorf("got %v", err)
	}
}
