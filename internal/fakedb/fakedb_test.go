package fakedb_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func exec(names ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, name := range names {
			if err := fakedb.Tx(ctx).Exec(ctx, name); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestTheLogSaysWhatReachedTheDatabase(t *testing.T) {
	t.Parallel()
	plain := fakedb.Fault(retryable.None)
	lost := fakedb.Fault(retryable.Disconnected)
	for _, tt := range []struct {
		name      string
		script    []fakedb.Attempt
		fn        func(context.Context) error
		log       []string
		committed []string
	}{
		{"untouched", nil, exec(), nil, nil},
		{"committed", nil, exec("a", "b"), []string{"begin 1", "exec a", "exec b", "commit"}, []string{"a", "b"}},
		{
			"deadlock", []fakedb.Attempt{{Statements: fakedb.Faults(1, retryable.Deadlock)}}, exec("a"),
			[]string{"begin 1", "exec a: fake deadlock", "rollback", "begin 2", "exec a", "commit"},
			[]string{"a"},
		},
		{
			"lost", []fakedb.Attempt{{Statements: []error{nil, lost}}}, exec("a", "b"),
			[]string{"begin 1", "exec a", "exec b: fake disconnected", "close", "ping", "begin 2", "exec a", "exec b", "commit"},
			[]string{"a", "b"},
		},
		{
			"refused", []fakedb.Attempt{{Connect: []error{lost}}}, exec("a"),
			[]string{"dial: fake disconnected", "ping", "begin 2", "exec a", "commit"},
			[]string{"a"},
		},
		{
			"failed and swallowed", []fakedb.Attempt{{Statements: []error{plain}}},
			func(ctx context.Context) error {
				_ = fakedb.Tx(ctx).Exec(ctx, "a")
				if err := fakedb.Tx(ctx).Exec(ctx, "b"); !errors.Is(err, fakedb.ErrFailed) || !errors.Is(err, plain) {
					t.Errorf("b after a failed: %v", err)
				}
				return nil
			},
			[]string{"begin 1", "exec a: fake none", "commit: fake none"}, nil,
		},
		{
			"savepoint released", nil,
			func(ctx context.Context) error {
				return fakedb.Tx(ctx).Savepoint(ctx, "s", func() error { return exec("a")(ctx) })
			},
			[]string{"begin 1", "savepoint s", "exec a", "release s", "commit"},
			[]string{"a"},
		},
		{
			"savepoint rolled back", []fakedb.Attempt{{Statements: []error{nil, nil, plain}}},
			func(ctx context.Context) error {
				_ = exec("a")(ctx)
				_ = fakedb.Tx(ctx).Savepoint(ctx, "s", func() error { return exec("b", "c")(ctx) })
				return exec("d")(ctx)
			},
			[]string{"begin 1", "exec a", "savepoint s", "exec b", "exec c: fake none", "rollback to s", "exec d", "commit"},
			[]string{"a", "d"},
		},
		{
			"unknown and applied", []fakedb.Attempt{{CommitErr: lost, Outcome: txctx.Unknown, Applied: true}}, exec("a"),
			[]string{"begin 1", "exec a", "commit: fake disconnected"},
			[]string{"a"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := fakedb.New(tt.script...)
			_ = txctx.Run(t.Context(), db, txctx.Options{}, tt.fn)
			if diff := cmp.Diff(tt.log, db.Log()); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.committed, db.Committed()); diff != "" {
				t.Errorf("committed (-want +got):\n%s", diff)
			}
			if n := db.Open(); n != 0 {
				t.Errorf("%d transactions left open", n)
			}
		})
	}
}

func TestTxOutsideAnAttemptAnswersErrNoTransaction(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	tx := fakedb.Tx(ctx)
	for name, err := range map[string]error{
		"Exec":      tx.Exec(ctx, "a"),
		"Savepoint": tx.Savepoint(ctx, "s", func() error { return nil }),
		"Commit":    tx.Commit(ctx),
		"Rollback":  tx.Rollback(ctx),
	} {
		if !errors.Is(err, txctx.ErrNoTransaction) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAlwaysMeetsEveryAttempt(t *testing.T) {
	t.Parallel()
	db := fakedb.New(fakedb.Always(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Serialization)}))
	err := txctx.Run(t.Context(), db, txctx.Options{Retry: retryable.Policy{MaxRetries: 2}}, exec("a"))
	if exhausted, ok := errors.AsType[*retryable.ExhaustedError](err); !ok || exhausted.Attempts != 3 {
		t.Errorf("got %v", err)
	}
}

// TestKeys: whoever holds a key is waited for, and only what was committed is kept.
func TestKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lost := fakedb.Fault(retryable.Disconnected)
		db := fakedb.New(
			fakedb.Attempt{CommitErr: lost, Outcome: txctx.Unknown},
			fakedb.Attempt{},
			fakedb.Attempt{CommitErr: lost, Outcome: txctx.Unknown, Applied: true},
		)
		if _, ok := db.KeepsKeys(); ok {
			t.Error("it keeps keys unasked")
		}
		if retention, ok := db.KeepKeys(time.Hour).KeepsKeys(); !ok || retention != time.Hour {
			t.Errorf("keeps keys for %v, %t", retention, ok)
		}
		body := []byte("abc")
		run := func(fingerprint byte, fn func(context.Context) error) (found *txctx.Answer, err error) {
			err = txctx.Run(t.Context(), db, txctx.Options{Key: &txctx.Key{
				ID: [32]byte{1}, Fingerprint: [32]byte{fingerprint}, Wait: time.Minute,
				Answer: func() (txctx.Answer, error) { return txctx.Answer{Body: body}, nil },
				Stored: func(a txctx.Answer) { found = &a },
			}}, fn)
			return found, err
		}
		unknown := func(name string) {
			t.Helper()
			found, err := run(1, exec(name))
			if _, ok := errors.AsType[*txctx.OutcomeUnknownError](err); !ok || found != nil {
				t.Errorf("%v, %v", found, err)
			}
		}
		unknown("lost")
		failed := errors.New("failed")
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := run(1, func(context.Context) error { time.Sleep(time.Second); return failed }) // of the bubble
			if !errors.Is(err, failed) {
				t.Error(err)
			}
		}()
		synctest.Wait()
		unknown("a") // when the other has failed
		<-done
		body[0] = 'x' // not in what is kept
		if found, err := run(1, exec("b")); err != nil || found == nil || string(found.Body) != "abc" {
			t.Errorf("%v, %v", found, err)
		}
		if _, err := run(2, exec("c")); !errors.Is(err, txctx.ErrKeyReused) {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"a"}, db.Committed()); diff != "" || len(db.Answers()) != 1 || db.Open() != 0 {
			t.Errorf("%d answers, %d transactions open, committed (-want +got):\n%s", len(db.Answers()), db.Open(), diff)
		}
	})
}
