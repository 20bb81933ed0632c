package txctx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Mutation: join returns without dooming.
func TestRule13_ARunInsideARunJoinsIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		inner    error
		attempts int
		want     []string
	}{
		{"success", nil, 1, []string{"outer", "inner"}},
		{"plain error, swallowed", errPlain, 1, []string{"outer", "inner"}},
		{"retryable error, swallowed", retryable.Mark(errPlain), 2, []string{"outer", "inner"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := fakedb.New()
			n, inner := 0, 0
			err := run(t, db, func(ctx context.Context) error {
				n++
				_ = exec(ctx, "outer")
				veto := txctx.Options{Veto: func() bool { return true }}
				err := txctx.Run(ctx, db, veto, func(ctx context.Context) error {
					inner++
					_ = exec(ctx, "inner")
					if n == 1 {
						return tt.inner
					}
					return nil
				})
				if n == 1 && !errors.Is(err, tt.inner) {
					t.Errorf("the inner Run returned %v", err)
				}
				return nil
			})
			if err != nil || n != tt.attempts || inner != n {
				t.Errorf("%d outer and %d inner runs, %v", n, inner, err)
			}
			wantCommitted(t, db, tt.want...)
		})
	}
}

// Mutation: leave out the comparison of the databases.
func TestRule13_ARunOnAnotherDatabaseInsideARunPanics(t *testing.T) {
	t.Parallel()
	db, other := fakedb.New(), fakedb.New()
	v := panicOf(func() {
		_ = run(t, db, func(ctx context.Context) error {
			_ = exec(ctx, "a")
			return txctx.Run(ctx, other, txctx.Options{}, write("b"))
		})
	})
	if text := fmt.Sprint(v); !strings.Contains(text, "second database") || !strings.Contains(text, "outbox") {
		t.Errorf("panic %q", text)
	}
	wantCommitted(t, db)
	wantLog(t, other)
}

func TestARunWithTheContextOfAnEndedAttemptIsItsOwn(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	var kept context.Context
	_ = run(t, db, func(ctx context.Context) error { kept = ctx; return nil })
	err := txctx.Run(context.WithoutCancel(kept), db, txctx.Options{}, write("a"))
	if err != nil {
		t.Error(err)
	}
	wantCommitted(t, db, "a")
}
