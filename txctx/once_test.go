package txctx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Mutation: keep the cells in Control.
func TestOnceIsTheSameInAllAttemptsOfARun(t *testing.T) {
	t.Parallel()
	db := fakedb.New(doomedBy(3, retryable.Deadlock)...)
	n := 0
	next := func() (int, error) { n++; return n, nil }
	for want := 1; want <= 2; want++ { // every run has its own
		err := run(t, db, func(ctx context.Context) error {
			if v, err := txctx.Once(ctx, "id", next); v != want || err != nil {
				t.Errorf("attempt %d: %d, %v, want %d", txctx.AttemptOf(ctx).Number, v, err, want)
			}
			return exec(ctx, "a")
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestOnceKeepsNoErrors(t *testing.T) {
	t.Parallel()
	n := 0
	_ = run(t, fakedb.New(), func(ctx context.Context) error {
		for _, want := range []error{errPlain, nil, nil} {
			v, err := txctx.Once(ctx, "k", func() (int, error) {
				if n++; n == 1 {
					return 0, errPlain
				}
				return n, nil
			})
			if !errors.Is(err, want) || (want == nil && v != 2) {
				t.Errorf("%d, %v", v, err)
			}
		}
		return nil
	})
}

func TestOnceKeepsZeroValuesAndNil(t *testing.T) {
	t.Parallel()
	_ = run(t, fakedb.New(), func(ctx context.Context) error {
		n := 0
		for range 3 {
			v, err := txctx.Once(ctx, "nil", func() (error, error) { n++; return nil, nil }) //nolint:nilnil // the point
			if v != nil || err != nil {
				t.Errorf("%v, %v", v, err)
			}
		}
		if n != 1 {
			t.Errorf("computed %d times", n)
		}
		return nil
	})
}

func TestOnceWithAnotherTypePanics(t *testing.T) {
	t.Parallel()
	_ = run(t, fakedb.New(), func(ctx context.Context) error {
		_, _ = txctx.Once(ctx, "k", func() (int, error) { return 1, nil })
		v := panicOf(func() { _, _ = txctx.Once(ctx, "k", func() (string, error) { return "", nil }) })
		if text := fmt.Sprint(v); !strings.Contains(text, `"k" holds a int, asked for as string`) {
			t.Errorf("panic %q", text)
		}
		return nil
	})
}

func TestOnceIsComputedOnceByManyGoroutines(t *testing.T) {
	t.Parallel()
	_ = run(t, fakedb.New(), func(ctx context.Context) error {
		var n atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if v, _ := txctx.Once(ctx, "k", func() (int32, error) { return n.Add(1), nil }); v != 1 {
					t.Errorf("got %d", v)
				}
			})
		}
		wg.Wait()
		return nil
	})
}

func TestAPanicInOnceKeepsNothingAndBlocksNobody(t *testing.T) {
	t.Parallel()
	_ = run(t, fakedb.New(), func(ctx context.Context) error {
		_ = panicOf(func() { _, _ = txctx.Once(ctx, "k", func() (int, error) { panic("x") }) })
		if v, err := txctx.Once(ctx, "k", func() (int, error) { return 2, nil }); v != 2 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
		return nil
	})
}
