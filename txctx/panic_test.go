package txctx_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// thrower panics; tests look for its name in the stack.
func thrower(v any) { panic(v) }

// Mutation: let the panic of a plain value be replayed, or wrap it.
func TestRule09_APanicRollsBackAndGoesOnWithItsOwnValue(t *testing.T) {
	t.Parallel()
	for _, want := range []any{"text", errPlain, http.ErrAbortHandler, &struct{ int }{7}} {
		db := fakedb.New()
		n := 0
		got := panicOf(func() {
			_ = run(t, db, func(ctx context.Context) error {
				n++
				_ = exec(ctx, "a")
				panic(want)
			})
		})
		if got != want || n != 1 {
			t.Errorf("%d attempts, panic %v, want %v", n, got, want)
		}
		wantLog(t, db, "begin 1", "exec a", "rollback")
	}
}

// Mutation: re-panic after the deferred function has returned.
func TestRule09_TheStackOfAPanicStillNamesItsFunction(t *testing.T) {
	t.Parallel()
	defer func() {
		if v := recover(); v != "here" {
			t.Errorf("panic %v", v)
		}
		if stack := string(debug.Stack()); !strings.Contains(stack, "txctx_test.thrower") {
			t.Errorf("the stack has lost the panicking function:\n%s", stack)
		}
	}()
	_ = run(t, fakedb.New(), func(context.Context) error {
		thrower("here")
		return nil
	})
}

func TestAPanicThatAsksForAReplayIsReplayed(t *testing.T) {
	t.Parallel()
	for _, v := range []error{retryable.ErrRetry, retryable.Mark(errPlain), fmt.Errorf("wrapped: %w", fakedb.Fault(retryable.Deadlock))} {
		db := fakedb.New()
		n := 0
		err := run(t, db, func(ctx context.Context) error {
			if n++; n == 1 {
				_ = exec(ctx, "a")
				panic(v)
			}
			return exec(ctx, "b")
		})
		if err != nil || n != 2 {
			t.Errorf("%v: %d attempts, %v", v, n, err)
		}
		wantCommitted(t, db, "b")
	}
}

func TestADoomedAttemptThatPanicsOnTheLastOneIsExhausted(t *testing.T) {
	t.Parallel()
	db := fakedb.New(fakedb.Always(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)}))
	err := run(t, db, func(ctx context.Context) error { panic(exec(ctx, "a").Error()) })
	wantExhausted(t, err, 6, "replays used up")
}

func TestAPanicAfterAPlainFailGoesOn(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	v := panicOf(func() {
		_ = run(t, db, func(ctx context.Context) error {
			_ = exec(ctx, "a")
			txctx.Fail(ctx, errPlain)
			panic("after")
		})
	})
	if v != "after" {
		t.Errorf("panic %v", v)
	}
	wantCommitted(t, db)
}

// Mutation: set reached before the function is called.
func TestRule09_GoexitRollsBack(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	var kinds []txctx.EventKind
	done := make(chan struct{})
	go func() {
		defer close(done)
		o := txctx.Options{Observe: func(_ context.Context, ev txctx.Event) { kinds = append(kinds, ev.Kind) }}
		_ = txctx.Run(t.Context(), db, o, func(ctx context.Context) error {
			_ = exec(ctx, "a")
			runtime.Goexit()
			return nil
		})
		t.Error("Run returned")
	}()
	<-done
	wantLog(t, db, "begin 1", "exec a", "rollback")
	want := []txctx.EventKind{txctx.AttemptStarted, txctx.AttemptEnded, txctx.RequestFinished}
	if !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
}

// A hook that leaves must not make the committed attempt end twice.
func TestGoexitInAnAfterCommitFunctionEndsTheAttemptOnce(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	var events []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		o := txctx.Options{Observe: func(_ context.Context, ev txctx.Event) {
			events = append(events, fmt.Sprint(ev.Kind, " ", ev.Outcome))
		}}
		_ = txctx.Run(t.Context(), db, o, func(ctx context.Context) error {
			txctx.AfterCommit(ctx, func(context.Context) { runtime.Goexit() })
			return exec(ctx, "a")
		})
	}()
	<-done
	wantCommitted(t, db, "a")
	want := "attempt_started rolled_back, attempt_ended committed, request_finished committed"
	if got := strings.Join(events, ", "); got != want {
		t.Errorf("events %s\nwant   %s", got, want)
	}
}
