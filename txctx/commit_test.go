package txctx_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func TestCommitOutcomes(t *testing.T) {
	t.Parallel()
	lost := fakedb.Fault(retryable.Disconnected)
	conflict := fakedb.Fault(retryable.Serialization)
	plain := fakedb.Fault(retryable.None)
	for _, tt := range []struct {
		name     string
		script   fakedb.Attempt
		attempts int
		is       error // what the result is, nil for success
	}{
		{"committed", fakedb.Attempt{}, 1, nil},
		{"committed, then lost", fakedb.Attempt{CommitErr: lost, Outcome: txctx.Committed}, 1, nil},
		{"rolled back by a conflict", fakedb.Attempt{CommitErr: conflict}, 2, nil},
		{"rolled back by a deferred constraint", fakedb.Attempt{CommitErr: plain}, 1, plain},
		{"unknown", fakedb.Attempt{CommitErr: lost, Outcome: txctx.Unknown}, 1, lost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			err := run(t, fakedb.New(tt.script), func(ctx context.Context) error {
				n++
				return exec(ctx, "a")
			})
			if !errors.Is(err, tt.is) || (tt.is == nil && err != nil) || n != tt.attempts {
				t.Errorf("%d attempts, %v", n, err)
			}
		})
	}
}

// Mutation: mayRepeat returns true.
func TestRule16_AnUnknownOutcomeIsReplayedOnlyIfThatIsHarmless(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		o      txctx.Options
		replay bool
	}{
		{"writes", txctx.Options{}, false},
		{"idempotent", txctx.Options{Idempotent: true}, true},
		{"read only", txctx.Options{ReadOnly: true}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := fakedb.New(fakedb.Attempt{CommitErr: errPlain, Outcome: txctx.Unknown, Applied: true})
			tt.o.Retry = hasty
			n := 0
			err := txctx.Run(t.Context(), db, tt.o, func(ctx context.Context) error {
				n++
				return exec(ctx, "a")
			})
			if tt.replay {
				if err != nil || n != 2 {
					t.Errorf("%d attempts, %v", n, err)
				}
				return
			}
			unknown, ok := errors.AsType[*txctx.OutcomeUnknownError](err)
			if !ok || unknown.Err != errPlain || n != 1 { //nolint:errorlint // identity is the point
				t.Errorf("%d attempts, %v", n, err)
			}
			if errors.Is(err, retryable.ErrRetry) {
				t.Error("the unknown outcome is ErrRetry")
			}
			if got := err.Error(); got != "outcome of COMMIT unknown: plain" {
				t.Errorf("text %q", got)
			}
			wantCommitted(t, db, "a")
		})
	}
}

func TestAReplayAfterAnUnknownOutcomeChecksItsConnection(t *testing.T) {
	t.Parallel()
	db := fakedb.New(fakedb.Attempt{CommitErr: errPlain, Outcome: txctx.Unknown})
	if err := txctx.Run(t.Context(), db, txctx.Options{Idempotent: true, Retry: hasty}, write("a")); err != nil {
		t.Error(err)
	}
	wantLog(t, db, "begin 1", "exec a", "commit: plain", "ping", "begin 2", "exec a", "commit")
}

func TestOutcomeUnknownErrorWithoutACause(t *testing.T) {
	t.Parallel()
	err := txctx.OutcomeUnknownError{}
	if err.Error() != "outcome of COMMIT unknown" || err.Unwrap() != nil {
		t.Errorf("%q, %v", err.Error(), err.Unwrap())
	}
}

// Mutation: pass the run's context to tx.Commit and tx.Rollback.
func TestRule14_CommitAndRollbackOutliveTheRequestAndHaveTheirOwnTimeout(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]error{"commit": nil, "rollback": errPlain} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
				defer cancel()
				asked := false
				db := fakedb.New(fakedb.Attempt{OnEnd: func(ctx context.Context) {
					asked = true
					cancel() // the client leaves while the answer is on its way
					if err := ctx.Err(); err != nil {
						t.Errorf("the context has ended: %v", err)
					}
					if ctx.Value(key{}) != "kept" {
						t.Error("the values of the context are lost")
					}
					deadline, ok := ctx.Deadline()
					if got := time.Until(deadline); !ok || got != 7*time.Second {
						t.Errorf("timeout %v, want CommitTimeout", got)
					}
				}})
				o := txctx.Options{Retry: retryable.Policy{CommitTimeout: 7 * time.Second}}
				err := txctx.Run(ctx, db, o, func(ctx context.Context) error {
					_ = exec(ctx, "a")
					return result
				})
				if !errors.Is(err, result) || !asked {
					t.Errorf("%s asked %t: %v", name, asked, err)
				}
			})
		})
	}
}

type key struct{}

func TestCommitTimeoutForeverIsNoTimeout(t *testing.T) {
	t.Parallel()
	policy := hasty
	policy.CommitTimeout = retryable.Forever
	db := fakedb.New(fakedb.Attempt{OnEnd: func(ctx context.Context) {
		if deadline, ok := ctx.Deadline(); ok {
			t.Errorf("deadline %v", deadline)
		}
	}})
	if err := txctx.Run(t.Context(), db, txctx.Options{Retry: policy}, write("a")); err != nil {
		t.Error(err)
	}
}

// Mutation: remove the check of r.ctx.Err() in settle.
func TestRule14_AContextThatEndedBeforeCommitRollsBack(t *testing.T) {
	t.Parallel()
	cause := errors.New("the server shuts down")
	ctx, cancel := context.WithCancelCause(t.Context())
	db := fakedb.New()
	err := txctx.Run(ctx, db, txctx.Options{Retry: hasty}, func(ctx context.Context) error {
		defer cancel(cause)
		return exec(ctx, "a")
	})
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause", err)
	}
	wantLog(t, db, "begin 1", "exec a", "rollback")
}

func TestAFailedRollbackChangesNothing(t *testing.T) {
	t.Parallel()
	db := fakedb.New(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock), RollbackErr: errPlain})
	if err := run(t, db, write("a")); err != nil {
		t.Error(err)
	}
	wantLog(t, db, "begin 1", "exec a: fake deadlock", "rollback: plain", "begin 2", "exec a", "commit")
}

func TestJudgeIsAskedAboutPlainErrorsOnly(t *testing.T) {
	t.Parallel()
	asked := 0
	judge := func(err error) error {
		asked++
		return &retryable.Error{Reason: retryable.Disconnected, Err: err}
	}
	db := fakedb.New(fakedb.Attempt{Judge: judge}, fakedb.Attempt{Judge: judge})
	n := 0
	err := run(t, db, func(context.Context) error {
		n++
		switch n {
		case 1:
			return errPlain // the adapter knows better: replayed
		case 2:
			return retryable.ErrRetry
		}
		return nil
	})
	if err != nil || n != 3 || asked != 1 {
		t.Errorf("%d attempts, asked %d times, %v", n, asked, err)
	}
}

// mute is an adapter that rolls back and does not say why.
type mute struct{}

func (mute) Begin(ctx context.Context, _ *txctx.Control) (context.Context, txctx.Tx) {
	return ctx, mute{}
}
func (mute) Commit(context.Context) (txctx.Outcome, error) { return txctx.RolledBack, nil }
func (mute) Rollback(context.Context) error                { return nil }
func (mute) Judge(err error) error                         { return err }

// Mutation: believe an adapter without an error.
func TestRolledBackIsNeverASuccess(t *testing.T) {
	t.Parallel()
	if err := txctx.Run(context.Background(), mute{}, txctx.Options{}, func(context.Context) error { return nil }); err == nil {
		t.Error("a transaction that was rolled back is a success")
	}
}
