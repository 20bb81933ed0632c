package txctx_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Mutation: run the hooks before the commit, or in reverse.
func TestRule17_HooksRunOnceInOrderAfterTheCommit(t *testing.T) {
	t.Parallel()
	db := fakedb.New(doomedBy(1, retryable.Deadlock)...)
	var got []string
	err := run(t, db, func(ctx context.Context) error {
		n := txctx.AttemptOf(ctx).Number
		for _, name := range []string{"one", "two"} {
			txctx.AfterCommit(ctx, func(context.Context) {
				if db.Open() != 0 || len(db.Committed()) != 1 {
					t.Error("a hook ran before the commit")
				}
				got = append(got, name)
				if n != 2 {
					t.Errorf("a hook of attempt %d ran", n)
				}
			})
		}
		return exec(ctx, "a")
	})
	if diff := cmp.Diff([]string{"one", "two"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestRule17_HooksAreDroppedWithWhatTheyBelongTo(t *testing.T) {
	t.Parallel()
	plain := fakedb.Fault(retryable.None)
	for _, tt := range []struct {
		name   string
		script fakedb.Attempt
		end    func(context.Context) error
	}{
		{"plain error", fakedb.Attempt{}, func(context.Context) error { return errPlain }},
		{"Rollback", fakedb.Attempt{}, func(ctx context.Context) error { txctx.Rollback(ctx); return nil }},
		{"commit refused", fakedb.Attempt{CommitErr: plain}, func(context.Context) error { return nil }},
		{"commit unknown", fakedb.Attempt{CommitErr: plain, Outcome: txctx.Unknown}, func(context.Context) error { return nil }},
		{"panic", fakedb.Attempt{}, func(context.Context) error { panic("x") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_ = panicOf(func() {
				_ = run(t, fakedb.New(tt.script), func(ctx context.Context) error {
					txctx.AfterCommit(ctx, func(context.Context) { t.Error("the hook ran") })
					_ = exec(ctx, "a")
					return tt.end(ctx)
				})
			})
		})
	}
}

// Mutation: leave DropHooks out.
func TestRule17_HooksOfARolledBackSavepointAreDropped(t *testing.T) {
	t.Parallel()
	var got []string
	hook := func(ctx context.Context, name string) {
		txctx.AfterCommit(ctx, func(context.Context) { got = append(got, name) })
	}
	err := run(t, fakedb.New(), func(ctx context.Context) error {
		tx := fakedb.Tx(ctx)
		hook(ctx, "before")
		_ = tx.Savepoint(ctx, "kept", func() error { hook(ctx, "kept"); return nil })
		_ = tx.Savepoint(ctx, "outer", func() error {
			hook(ctx, "dropped")
			_ = tx.Savepoint(ctx, "inner", func() error { hook(ctx, "dropped too"); return nil })
			return errPlain
		})
		hook(ctx, "after")
		return nil
	})
	if diff := cmp.Diff([]string{"before", "kept", "after"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// Mutation: runHook without recover.
func TestRule17_APanickingHookIsLoggedAndStopsNothing(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := txctx.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	second := false
	err := txctx.Run(t.Context(), fakedb.New(), o, func(ctx context.Context) error {
		txctx.AfterCommit(ctx, func(context.Context) { panic("the mail server") })
		txctx.AfterCommit(ctx, func(context.Context) { second = true })
		return exec(ctx, "a")
	})
	if err != nil || !second {
		t.Errorf("second hook ran %t, %v", second, err)
	}
	if text := log.String(); !strings.Contains(text, "the mail server") || !strings.Contains(text, "hooks_test.go") {
		t.Errorf("the log says %q", text)
	}
}

// Mutation: runHooks without WithoutCancel.
func TestRule17_HooksOutliveTheRequestAndAreOutsideItsAttempt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
	db := fakedb.New(fakedb.Attempt{OnEnd: func(context.Context) { cancel() }})
	ran := false
	err := txctx.Run(ctx, db, txctx.Options{}, func(ctx context.Context) error {
		txctx.AfterCommit(ctx, func(ctx context.Context) {
			ran = true
			if ctx.Err() != nil || ctx.Value(key{}) != "kept" {
				t.Errorf("context %v, value %v", ctx.Err(), ctx.Value(key{}))
			}
			if n := txctx.AttemptOf(ctx).Number; n != 0 {
				t.Errorf("inside attempt %d", n)
			}
			if err := exec(ctx, "x"); !errors.Is(err, txctx.ErrNoTransaction) {
				t.Errorf("a statement: %v", err)
			}
			if err := txctx.Run(ctx, db, txctx.Options{}, write("b")); err != nil {
				t.Errorf("a transaction of its own: %v", err)
			}
		})
		return exec(ctx, "a")
	})
	if err != nil || !ran {
		t.Errorf("ran %t, %v", ran, err)
	}
	wantCommitted(t, db, "a", "b")
}
