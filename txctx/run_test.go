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

func TestNilCommits(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	if err := run(t, db, write("a")); err != nil {
		t.Error(err)
	}
	wantLog(t, db, "begin 1", "exec a", "commit")
	wantCommitted(t, db, "a")
}

// Mutation: begin in DB.Begin.
func TestRule18_WithoutAStatementNothingIsBegun(t *testing.T) {
	t.Parallel()
	db := fakedb.New(fakedb.Attempt{Connect: fakedb.Faults(1, retryable.Disconnected)})
	if err := run(t, db, func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	wantLog(t, db)
}

// Mutation: wrap the error in settleFailed.
func TestAPlainErrorComesBackUnchanged(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	err := run(t, db, func(ctx context.Context) error {
		_ = exec(ctx, "a")
		return errPlain
	})
	if err != errPlain { //nolint:errorlint // identity is the point
		t.Errorf("got %v", err)
	}
	wantLog(t, db, "begin 1", "exec a", "rollback")
}

// Mutation: errors.Is(err, ErrRetry) replaced by a second classification, or by
// true.
func TestRule05_OnlyErrRetryIsReplayed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		err      error
		attempts int
	}{
		{"plain", errPlain, 1},
		{"text of another pool's conflict", errors.New("ERROR: could not serialize access (SQLSTATE 40001)"), 1},
		{"unknown commit of another database", fakedb.Fault(retryable.CommitUnknown), 1},
		{"exhausted inner loop", &retryable.ExhaustedError{Attempts: 6, Errs: []error{retryable.ErrRetry}}, 1},
		{"ErrRetry", retryable.ErrRetry, 2},
		{"marked", retryable.Mark(errPlain), 2},
		{"marked and wrapped", fmt.Errorf("transfer: %w", retryable.Mark(errPlain)), 2},
		{"joined", errors.Join(errPlain, fakedb.Fault(retryable.Deadlock)), 2},
	} {
		for how, fail := range map[string]func(context.Context, error) error{
			"returned": func(_ context.Context, err error) error { return err },
			"failed":   func(ctx context.Context, err error) error { txctx.Fail(ctx, err); return nil },
		} {
			t.Run(tt.name+" "+how, func(t *testing.T) {
				t.Parallel()
				db := fakedb.New()
				n := 0
				err := run(t, db, func(ctx context.Context) error {
					n++
					if n == 1 {
						_ = exec(ctx, "first")
						return fail(ctx, tt.err)
					}
					return exec(ctx, "second")
				})
				if n != tt.attempts {
					t.Errorf("%d attempts, want %d", n, tt.attempts)
				}
				if tt.attempts == 1 {
					if err != tt.err { //nolint:errorlint // identity is the point
						t.Errorf("got %v", err)
					}
					wantCommitted(t, db)
					return
				}
				if err != nil {
					t.Error(err)
				}
				wantCommitted(t, db, "second")
			})
		}
	}
}

func TestSixDoomedAttemptsAreTheEndByDefault(t *testing.T) {
	t.Parallel()
	db := fakedb.New(fakedb.Always(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Serialization)}))
	n := 0
	err := run(t, db, func(ctx context.Context) error {
		n++
		return exec(ctx, "a")
	})
	exhausted := wantExhausted(t, err, 6, "replays used up")
	if n != 6 || len(exhausted.Errs) != 6 {
		t.Errorf("%d runs, %d causes", n, len(exhausted.Errs))
	}
	wantCommitted(t, db)
}

func TestMaxRetriesCountsReplays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ maxRetries, dooms, attempts int }{
		{retryable.NoRetries, 0, 1},
		{1, 1, 2},
		{5, 5, 6},
		{7, 7, 8},
		{retryable.Unlimited, 100, 101},
	} {
		db := fakedb.New(doomedBy(tt.dooms, retryable.Deadlock)...)
		n := 0
		policy := hasty
		policy.MaxRetries = tt.maxRetries
		err := txctx.Run(t.Context(), db, txctx.Options{Retry: policy}, func(ctx context.Context) error {
			n++
			return exec(ctx, "a")
		})
		if err != nil || n != tt.attempts {
			t.Errorf("MaxRetries %d: %d attempts, %v", tt.maxRetries, n, err)
		}
		if tt.maxRetries == retryable.Unlimited {
			continue
		}
		db = fakedb.New(doomedBy(tt.dooms+1, retryable.Deadlock)...)
		wantExhausted(t, txctx.Run(t.Context(), db, txctx.Options{Retry: policy}, write("a")), tt.attempts, "replays used up")
	}
}

// Mutation: return nil where the function returned nil.
func TestRule03_WhatADoomedAttemptAnswersIsDiscarded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func() error
	}{
		{"nil", func() error { return nil }},
		{"another error", func() error { return errPlain }},
		{"a panic", func() error { panic("late") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := fakedb.New(fakedb.Attempt{Statements: []error{nil, fakedb.Fault(retryable.Disconnected)}})
			n := 0
			err := run(t, db, func(ctx context.Context) error {
				if n++; n == 1 {
					_ = exec(ctx, "a")
					_ = exec(ctx, "b")
					return tt.end()
				}
				return exec(ctx, "c")
			})
			if err != nil {
				t.Error(err)
			}
			wantLog(t, db, "begin 1", "exec a", "exec b: fake disconnected", "close", "ping", "begin 2", "exec c", "commit")
			wantCommitted(t, db, "c")
		})
	}
}

// Mutation: Control.Doomed returns nil until the end of the attempt.
func TestRule02_ADoomedAttemptRefusesStatementsWithoutIO(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		doom func(context.Context) error
		is   error
	}{
		{"by a statement", func(ctx context.Context) error { return exec(ctx, "bad") }, retryable.ErrRetry},
		{"by a retryable Fail", func(ctx context.Context) error { txctx.Fail(ctx, retryable.ErrRetry); return retryable.ErrRetry }, retryable.ErrRetry},
		{"by a plain Fail", func(ctx context.Context) error { txctx.Fail(ctx, errPlain); return errPlain }, errPlain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := fakedb.New(fakedb.Attempt{Statements: []error{nil, fakedb.Fault(retryable.Deadlock)}})
			_ = run(t, db, func(ctx context.Context) error {
				if txctx.AttemptOf(ctx).Number > 1 {
					return nil
				}
				_ = exec(ctx, "good")
				doom := tt.doom(ctx)
				before := len(db.Log())
				for range 3 {
					if err := exec(ctx, "refused"); !errors.Is(err, tt.is) || !errors.Is(err, doom) {
						t.Errorf("refused with %v, want %v", err, doom)
					}
				}
				if now := db.Log(); len(now) != before {
					t.Errorf("reached the database: %q", now[before:])
				}
				return nil
			})
			wantCommitted(t, db)
		})
	}
}

func TestTheFirstDoomStaysAndGainsContext(t *testing.T) {
	t.Parallel()
	db := fakedb.New(doomedBy(6, retryable.Deadlock)...)
	err := run(t, db, func(ctx context.Context) error {
		err := exec(ctx, "a")
		txctx.Fail(ctx, errPlain) // too late
		return fmt.Errorf("transfer: %w", err)
	})
	exhausted := wantExhausted(t, err, 6, "replays used up")
	if got := exhausted.Errs[0].Error(); got != "transfer: fake deadlock" {
		t.Errorf("cause %q", got)
	}
	if errors.Is(err, errPlain) {
		t.Error("the second doom took the place of the first")
	}
}

func TestExhaustedNamesEveryCauseOldestFirst(t *testing.T) {
	t.Parallel()
	reasons := []retryable.Reason{retryable.Deadlock, retryable.Failover, retryable.Overloaded}
	var script []fakedb.Attempt
	for _, reason := range reasons {
		script = append(script, doomedBy(1, reason)...)
	}
	policy := hasty
	policy.MaxRetries = 2
	err := txctx.Run(t.Context(), fakedb.New(script...), txctx.Options{Retry: policy}, write("a"))
	for i, cause := range wantExhausted(t, err, 3, "replays used up").Errs {
		if got := retryable.ReasonOf(cause); got != reasons[i] {
			t.Errorf("cause %d is %v, want %v", i, got, reasons[i])
		}
	}
}

// A database that fails for ever must not fill the memory. Mutation: keep
// appends without limit.
func TestAnUnboundedRunKeepsAtMost32Causes(t *testing.T) {
	t.Parallel()
	db := fakedb.New(doomedBy(100, retryable.Deadlock)...)
	policy := hasty
	policy.MaxRetries = retryable.Unlimited
	var first error
	most := 0
	err := txctx.Run(t.Context(), db, txctx.Options{Retry: policy}, func(ctx context.Context) error {
		a := txctx.AttemptOf(ctx)
		most = max(most, len(a.Errs))
		if a.Number == 2 {
			first = a.Errs[0]
		}
		if a.Number > 1 && a.Errs[0] != first { //nolint:errorlint // identity is the point
			t.Error("the oldest cause was dropped")
		}
		return exec(ctx, "a")
	})
	if err != nil || most != 32 {
		t.Errorf("at most %d causes, %v", most, err)
	}
}

func TestRule04_ASwallowedPlainErrorIsNoSuccess(t *testing.T) {
	t.Parallel()
	plain := fakedb.Fault(retryable.None)
	db := fakedb.New(fakedb.Attempt{Statements: []error{plain}})
	n := 0
	err := run(t, db, func(ctx context.Context) error {
		n++
		_ = exec(ctx, "a")
		return nil
	})
	if !errors.Is(err, plain) || n != 1 {
		t.Errorf("%d attempts, %v", n, err)
	}
	wantCommitted(t, db)
}

func TestRunPanicsOnBadArguments(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context) error { return nil }
	for want, call := range map[string]func(){
		"db is nil": func() { _ = txctx.Run(t.Context(), nil, txctx.Options{}, nothing) },
		"Options.Retry.RetryFor:": func() {
			_ = txctx.Run(t.Context(), fakedb.New(), txctx.Options{Retry: retryable.Policy{RetryFor: -1}}, nothing)
		},
	} {
		if got := fmt.Sprint(panicOf(call)); !strings.Contains(got, want) {
			t.Errorf("panic %q, want %q in it", got, want)
		}
	}
}

// panicOf returns what f panics with.
func panicOf(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}
