package txctx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestAClaimThatIsDoomedIsReplayed like any statement, and a plain failure is not.
func TestAClaimThatIsDoomedIsReplayed(t *testing.T) {
	t.Parallel()
	lost := fakedb.Fault(retryable.Disconnected)
	failing := func(err error) fakedb.Attempt {
		return fakedb.Attempt{Claim: func(context.Context) error { return err }}
	}
	for name, tt := range map[string]struct {
		script fakedb.Attempt
		log    []string
		err    error
	}{
		"lost": {failing(lost), []string{"begin 1", "claim: fake disconnected", "close", "ping", "begin 2", "claim", "exec a", "commit"}, nil},
		"no connection": {fakedb.Attempt{Connect: []error{lost}},
			[]string{"dial: fake disconnected", "ping", "begin 2", "claim", "exec a", "commit"}, nil},
		"conflict": {failing(fakedb.Fault(retryable.Serialization)),
			[]string{"begin 1", "claim: fake serialization", "rollback", "begin 2", "claim", "exec a", "commit"}, nil},
		"plain": {failing(errPlain), []string{"begin 1", "claim: plain", "rollback"}, errPlain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := keeper(tt.script)
			k := newKeyed("")
			if err := k.run(t, db, nil); err != tt.err || k.hooks != len(db.Committed()) {
				t.Errorf("%v, %d hooks", err, k.hooks)
			}
			wantLog(t, db, tt.log...)
		})
	}
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		db := keeper(fakedb.Attempt{Claim: func(context.Context) error { panic(errPlain) }})
		if got := panicOf(func() { _ = newKeyed("").run(t, db, nil) }); got != errPlain {
			t.Errorf("panicked with %v", got)
		}
		wantLog(t, db, "begin 1", "rollback")
	})
}

// TestAClaimIsPartOfItsAttempt: AttemptTimeout ends it, and it waits for its lane.
func TestAClaimIsPartOfItsAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := keeper(fakedb.Attempt{Claim: func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}})
		k := newKeyed("")
		k.o.Retry.AttemptTimeout = time.Second
		asked := ""
		k.o.Lanes, k.o.Lane = new(txctx.Lanes), func() string { asked += fmt.Sprint(db.Log()); return "x" }
		started := time.Now()
		err := k.run(t, db, nil)
		if !errors.Is(err, txctx.ErrAttemptTimeout) || time.Since(started) != time.Second || k.runs != 0 {
			t.Errorf("%v after %v, %d runs", err, time.Since(started), k.runs)
		}
		if asked != "[]" {
			t.Errorf("the lane was asked after %s", asked)
		}
	})
}

// TestAnUnknownOutcomeIsSafeWithAKey: asked again, it is there exactly once.
//
// Mutation seen to fail it: Keyed is false.
func TestAnUnknownOutcomeIsSafeWithAKey(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{true, false} {
		db := keeper(fakedb.Attempt{CommitErr: errPlain, Outcome: txctx.Unknown, Applied: applied})
		k := newKeyed("one")
		err := k.run(t, db, nil)
		if unknown, ok := errors.AsType[*txctx.OutcomeUnknownError](err); !ok || !unknown.Keyed || k.runs != 1 {
			t.Errorf("%v, %d runs", err, k.runs)
		}
		again := newKeyed("two")
		if err := again.run(t, db, nil); err != nil || len(again.stored) == 1 != applied {
			t.Errorf("applied %t: %v, stored %v", applied, err, again.stored)
		}
		wantCommitted(t, db, "a")
	}
	db := fakedb.New(fakedb.Attempt{CommitErr: errPlain, Outcome: txctx.Unknown})
	if unknown, ok := errors.AsType[*txctx.OutcomeUnknownError](run(t, db, write("a"))); !ok || unknown.Keyed {
		t.Errorf("without a key: %+v", unknown)
	}
}

// TestARunInsideARunIgnoresItsKey: the outer transaction has one of its own, or none.
func TestARunInsideARunIgnoresItsKey(t *testing.T) {
	t.Parallel()
	db := fakedb.New() // keeps none
	k := newKeyed("")
	err := run(t, db, func(ctx context.Context) error {
		return txctx.Run(ctx, db, k.o, write("a"))
	})
	if err != nil {
		t.Error(err)
	}
	wantLog(t, db, "begin 1", "exec a", "commit")
}

// TestAKeyThatCannotBeKeptPanics.
func TestAKeyThatCannotBeKeptPanics(t *testing.T) {
	t.Parallel()
	readOnly := newKeyed("").o
	readOnly.ReadOnly = true
	for name, tt := range map[string]struct {
		db   txctx.DB
		o    txctx.Options
		want string
	}{
		"no ledger": {fakedb.New(), newKeyed("").o, "txctx: Run: Options.Key needs an adapter with a ledger"},
		"no keeper": {struct{ txctx.DB }{keeper()}, newKeyed("").o, "txctx: Run: Options.Key needs an adapter with a ledger"},
		"read only": {keeper(), readOnly, "txctx: Run: Options.Key with ReadOnly"},
	} {
		got := fmt.Sprint(panicOf(func() { _ = txctx.Run(t.Context(), tt.db, tt.o, write("a")) }))
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: panicked with %q", name, got)
		}
	}
}
