package txctx_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Mutation: in settle, ask Veto also where a wish was made, or let the first
// wish count.
func TestTheLastWishCounts(t *testing.T) {
	t.Parallel()
	rollback, commit := txctx.Rollback, txctx.Commit
	for _, tt := range []struct {
		name   string
		veto   bool
		wishes []func(context.Context)
		commit bool
	}{
		{"none", false, nil, true},
		{"veto", true, nil, false},
		{"rollback", false, []func(context.Context){rollback}, false},
		{"commit", false, []func(context.Context){commit}, true},
		{"commit against the veto", true, []func(context.Context){commit}, true},
		{"rollback, commit", true, []func(context.Context){rollback, commit}, true},
		{"commit, rollback", false, []func(context.Context){commit, rollback}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := fakedb.New()
			hook := false
			o := txctx.Options{Veto: func() bool { return tt.veto }}
			err := txctx.Run(t.Context(), db, o, func(ctx context.Context) error {
				txctx.AfterCommit(ctx, func(context.Context) { hook = true })
				for _, wish := range tt.wishes {
					wish(ctx)
				}
				return exec(ctx, "a")
			})
			if err != nil {
				t.Error(err)
			}
			if committed := len(db.Committed()) == 1; committed != tt.commit || hook != tt.commit {
				t.Errorf("committed %t, hook ran %t, want %t", committed, hook, tt.commit)
			}
			if n := db.Open(); n != 0 {
				t.Errorf("%d transactions left open", n)
			}
		})
	}
}

func TestAWishSavesNothingThatFailed(t *testing.T) {
	t.Parallel()
	for name, wish := range map[string]func(context.Context){"commit": txctx.Commit, "rollback": txctx.Rollback} {
		db := fakedb.New(doomedBy(1, retryable.Deadlock)...)
		n := 0
		err := run(t, db, func(ctx context.Context) error {
			n++
			wish(ctx)
			_ = exec(ctx, "a")
			if n == 2 {
				return errPlain
			}
			return nil
		})
		if !errors.Is(err, errPlain) || n != 2 {
			t.Errorf("%s: %d attempts, %v", name, n, err)
		}
		wantCommitted(t, db)
	}
}

func TestVetoIsNotAskedAboutAFailure(t *testing.T) {
	t.Parallel()
	o := txctx.Options{Veto: func() bool { t.Error("asked"); return true }}
	err := txctx.Run(t.Context(), fakedb.New(), o, func(context.Context) error { return errPlain })
	if !errors.Is(err, errPlain) {
		t.Error(err)
	}
}

// Mutation: leave Forgive out of the savepoint, or excusable out of settle.
func TestRule01_ALockThatWasNotGrantedMayBeExcused(t *testing.T) {
	t.Parallel()
	locked := fakedb.Attempt{Statements: []error{nil, fakedb.Fault(retryable.LockTimeout)}}
	for _, tt := range []struct {
		name     string
		first    fn // what the first attempt does
		attempts int
		want     []string
	}{
		{"by nothing", func(ctx context.Context) error {
			_ = exec(ctx, "a")
			_ = exec(ctx, "locked")
			return nil
		}, 2, []string{"again"}},
		{"by Rollback", func(ctx context.Context) error {
			_ = exec(ctx, "a")
			_ = exec(ctx, "locked")
			txctx.Rollback(ctx)
			return nil
		}, 1, nil},
		{"not by Rollback and a failure", func(ctx context.Context) error {
			_ = exec(ctx, "a")
			txctx.Rollback(ctx)
			return exec(ctx, "locked")
		}, 2, []string{"again"}},
		{"by a savepoint", func(ctx context.Context) error {
			_ = exec(ctx, "a")
			_ = fakedb.Tx(ctx).Savepoint(ctx, "s", func() error { return exec(ctx, "locked") })
			return exec(ctx, "b")
		}, 1, []string{"a", "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := fakedb.New(locked)
			n := 0
			err := run(t, db, func(ctx context.Context) error {
				if n++; n == 1 {
					return tt.first(ctx)
				}
				return exec(ctx, "again")
			})
			if err != nil || n != tt.attempts {
				t.Errorf("%d attempts, %v", n, err)
			}
			wantCommitted(t, db, tt.want...)
		})
	}
}

func TestASavepointForgivesNoOtherDoom(t *testing.T) {
	t.Parallel()
	db := fakedb.New(doomedBy(1, retryable.Deadlock)...)
	n := 0
	err := run(t, db, func(ctx context.Context) error {
		if n++; n == 1 {
			_ = fakedb.Tx(ctx).Savepoint(ctx, "s", func() error { return exec(ctx, "a") })
		}
		return nil
	})
	if err != nil || n != 2 {
		t.Errorf("%d attempts, %v", n, err)
	}
}

func TestRule20_AHandlerCannotEndTheTransaction(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	err := run(t, db, func(ctx context.Context) error {
		tx := fakedb.Tx(ctx)
		if err := tx.Commit(ctx); !errors.Is(err, txctx.ErrManaged) {
			t.Errorf("Commit: %v", err)
		}
		if err := tx.Rollback(ctx); !errors.Is(err, txctx.ErrManaged) {
			t.Errorf("Rollback: %v", err)
		}
		return exec(ctx, "a")
	})
	if err != nil {
		t.Error(err)
	}
	wantCommitted(t, db, "a")
}

func TestAttemptOfDescribesTheAttempt(t *testing.T) {
	t.Parallel()
	db := fakedb.New(append(doomedBy(1, retryable.Deadlock), doomedBy(1, retryable.Failover)...)...)
	policy := hasty
	policy.MaxRetries = 2
	var got []string
	err := txctx.Run(t.Context(), db, txctx.Options{Retry: policy}, func(ctx context.Context) error {
		a := txctx.AttemptOf(ctx)
		got = append(got, fmt.Sprintf("%d/%d %t %v", a.Number, a.Max, a.Last(), a.Errs))
		clear(a.Errs) // a copy
		return exec(ctx, "a")
	})
	if err != nil {
		t.Error(err)
	}
	want := []string{"1/3 false []", "2/3 false [fake deadlock]", "3/3 true [fake deadlock fake failover]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAttemptMaxFollowsThePolicy(t *testing.T) {
	t.Parallel()
	for retries, want := range map[int]int{0: 6, retryable.NoRetries: 1, 3: 4, retryable.Unlimited: math.MaxInt} {
		o := txctx.Options{Retry: retryable.Policy{MaxRetries: retries}}
		_ = txctx.Run(t.Context(), fakedb.New(), o, func(ctx context.Context) error {
			if got := txctx.AttemptOf(ctx).Max; got != want {
				t.Errorf("MaxRetries %d: Max %d, want %d", retries, got, want)
			}
			return nil
		})
	}
}

func TestOutsideAnAttempt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	if a := txctx.AttemptOf(ctx); a.Number != 0 || a.Max != 0 || a.Errs != nil || !a.Last() {
		t.Errorf("AttemptOf = %+v, Last %t", a, a.Last())
	}
	called := false
	txctx.AfterCommit(ctx, func(got context.Context) { called = got == ctx })
	if !called {
		t.Error("AfterCommit does not call its function at once")
	}
	txctx.DisableReplay(ctx, "nothing")
	n := 0
	for range 2 {
		v, err := txctx.Once(ctx, "k", func() (int, error) { n++; return n, errPlain })
		if v != n || !errors.Is(err, errPlain) {
			t.Errorf("Once = %d, %v", v, err)
		}
	}
	if n != 2 {
		t.Error("Once keeps values outside an attempt")
	}
	for name, call := range map[string]func(){
		"Fail":     func() { txctx.Fail(ctx, errPlain) },
		"Rollback": func() { txctx.Rollback(ctx) },
		"Commit":   func() { txctx.Commit(ctx) },
	} {
		if got := fmt.Sprint(panicOf(call)); !strings.Contains(got, name) || !strings.Contains(got, "outside an attempt") {
			t.Errorf("%s panics with %q", name, got)
		}
	}
}

func TestFailWithNilDoesNothing(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	err := run(t, db, func(ctx context.Context) error {
		txctx.Fail(ctx, nil)
		return exec(ctx, "a")
	})
	if err != nil {
		t.Error(err)
	}
	wantCommitted(t, db, "a")
}

// Mutation: Control.end leaves over false.
func TestRule19_AnEndedAttemptIsDeadForThoseWhoKeptIt(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	var kept context.Context
	hook := false
	err := run(t, db, func(ctx context.Context) error {
		if txctx.AttemptOf(ctx).Number == 1 {
			kept = ctx
			_ = exec(ctx, "a")
			return retryable.ErrRetry
		}
		if err := exec(kept, "late"); !errors.Is(err, txctx.ErrAttemptOver) {
			t.Errorf("late statement: %v", err)
		}
		if kept.Err() == nil {
			t.Error("the context of the ended attempt has not ended")
		}
		txctx.Fail(kept, errPlain)
		txctx.Rollback(kept)
		txctx.AfterCommit(kept, func(context.Context) { hook = true })
		return exec(ctx, "b")
	})
	if err != nil {
		t.Error(err)
	}
	if hook {
		t.Error("a hook of the ended attempt ran")
	}
	wantLog(t, db, "begin 1", "exec a", "rollback", "begin 2", "exec b", "commit")
}

// Mutation: end does not cut off the statement under way, or does not wait.
func TestRule19_AStatementUnderWayIsCutOffWithItsAttempt(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	db := fakedb.New(fakedb.Attempt{Exec: func(ctx context.Context, _ string) error {
		close(started)
		<-ctx.Done()
		return context.Cause(ctx)
	}})
	late := make(chan error, 1)
	err := run(t, db, func(ctx context.Context) error {
		if txctx.AttemptOf(ctx).Number == 1 {
			go func() { late <- exec(ctx, "slow") }()
			<-started
			return retryable.ErrRetry
		}
		return exec(ctx, "b")
	})
	if err != nil {
		t.Error(err)
	}
	if err := <-late; !errors.Is(err, txctx.ErrAttemptOver) {
		t.Errorf("the statement under way got %v", err)
	}
	wantCommitted(t, db, "b")
}
