package txctx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// injecting is a database that injects, and hands out the attempts' Controls.
type injecting struct {
	txctx.DB
	with     []txctx.Injection
	attempts []*txctx.Control
}

func (db *injecting) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	db.attempts = append(db.attempts, c)
	for _, i := range db.with {
		txctx.Inject(ctx, i)
	}
	return db.DB.Begin(ctx, c)
}

// Mutations seen to fail it: count on from one attempt to the next; ask all injections
// about a statement that the first has refused; count statements that were refused.
func TestStatementsAreCountedAndAnswered(t *testing.T) {
	t.Parallel()
	var told []string
	tell := func(who string, fail error) txctx.Injection {
		return txctx.Injection{
			Statement: func(n int, text string) error {
				told = append(told, fmt.Sprintf("%s: %d %s", who, n, text))
				if text == "c" {
					return fail
				}
				return nil
			},
			Stray: func(text string) { told = append(told, fmt.Sprintf("%s: stray %s", who, text)) },
		}
	}
	db := &injecting{DB: fakedb.New(), with: []txctx.Injection{tell("first", errPlain), {}, tell("second", nil)}}
	err := run(t, db, func(ctx context.Context) error {
		c := db.attempts[len(db.attempts)-1]
		var errs []error
		for _, text := range []string{"a", "b", "c"} {
			errs = append(errs, c.Statement(text))
		}
		if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], errPlain) {
			t.Errorf("answered %v", errs)
		}
		c.Doom(retryable.ErrRetry, retryable.Statement)
		return c.Statement("refused")
	})
	if _, ok := errors.AsType[*retryable.ExhaustedError](err); !ok {
		t.Errorf("got %v", err)
	}
	if err := db.attempts[0].Statement("late"); err != nil {
		t.Errorf("late: %v", err)
	}
	attempt := []string{"first: 1 a", "second: 1 a", "first: 2 b", "second: 2 b", "first: 3 c"}
	var want []string
	for range 6 {
		want = append(want, attempt...)
	}
	want = append(want, "first: stray late", "second: stray late")
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Mutation seen to fail it: dial although an injection has refused.
func TestInjectedDials(t *testing.T) {
	t.Parallel()
	fake := fakedb.New()
	dials := 0
	db := &injecting{DB: fake, with: []txctx.Injection{{}, {Dial: func() error {
		if dials++; dials < 3 {
			return fakedb.Fault(retryable.Disconnected)
		}
		return nil
	}}}}
	if err := run(t, db, write("a")); err != nil {
		t.Error(err)
	}
	wantLog(t, fake, "ping", "begin 3", "exec a", "commit")
}

func TestInjectNeedsAnAttempt(t *testing.T) {
	t.Parallel()
	if p := panicOf(func() { txctx.Inject(t.Context(), txctx.Injection{}) }); p == nil {
		t.Error("no panic")
	}
}
