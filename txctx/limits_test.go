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

// Mutation: leave RetryFor out of mayReplay.
func TestRule11_NoReplayStartsAfterRetryFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		policy := retryable.Policy{MaxRetries: retryable.Unlimited, RetryFor: 3 * time.Second}
		db := fakedb.New(fakedb.Always(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Disconnected)}))
		start := time.Now()
		var last time.Duration
		n := 0
		err := txctx.Run(t.Context(), db, txctx.Options{Retry: policy}, func(ctx context.Context) error {
			n++
			last = time.Since(start)
			return exec(ctx, "a")
		})
		wantExhausted(t, err, n, "out of time")
		if last > policy.RetryFor || time.Since(start) > policy.RetryFor {
			t.Errorf("the last attempt began after %v, the run ended after %v", last, time.Since(start))
		}
	})
}

func TestALongAttemptUsesUpRetryFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		err := txctx.Run(t.Context(), fakedb.New(), txctx.Options{}, func(context.Context) error {
			time.Sleep(11 * time.Second)
			return retryable.ErrRetry
		})
		wantExhausted(t, err, 1, "out of time")
	})
}

// Mutation: time.Sleep instead of sleep.
func TestRule10_AContextThatEndsDuringBackOffEndsTheRunAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("shutting down")
		policy := retryable.Policy{
			RetryFor: retryable.Forever,
			Outage:   retryable.Backoff{Base: 1000 * time.Hour, Max: 1000 * time.Hour},
		}
		start := time.Now()
		time.AfterFunc(time.Second, func() { cancel(cause) })
		lost := fakedb.Fault(retryable.Disconnected)
		db := fakedb.New(fakedb.Attempt{Statements: []error{lost}})
		err := txctx.Run(ctx, db, txctx.Options{Retry: policy}, write("a"))
		exhausted := wantExhausted(t, err, 1, "context ended")
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}
		if n := len(exhausted.Errs); n != 1 || exhausted.Errs[0] != lost || exhausted.Cause != cause { //nolint:errorlint // identity
			t.Errorf("causes %v, %v", exhausted.Errs, exhausted.Cause)
		}
		if !errors.Is(err, cause) {
			t.Errorf("%v is not the cause of the context", err)
		}
	})
}

// Mutation: leave the context out of mayReplay.
func TestRule11_NothingIsReplayedAfterTheClientHasGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	o := txctx.Options{Retry: hasty, Observe: func(_ context.Context, ev txctx.Event) {
		if ev.Kind == txctx.ReplayScheduled {
			t.Error("a replay was scheduled")
		}
	}}
	err := txctx.Run(ctx, fakedb.New(), o, func(context.Context) error {
		n++
		cancel()
		return retryable.ErrRetry
	})
	wantExhausted(t, err, 1, "context ended")
	if n != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d attempts, %v", n, err)
	}
}

// Mutation: leave the fence out of mayReplay.
func TestRule11_NothingIsReplayedAfterDisableReplay(t *testing.T) {
	t.Parallel()
	for why, want := range map[string]string{
		"a letter was sent": "replay disabled: a letter was sent",
		"":                  "replay disabled: no reason given",
	} {
		n := 0
		var last bool
		err := run(t, fakedb.New(), func(ctx context.Context) error {
			n++
			txctx.DisableReplay(ctx, why)
			txctx.DisableReplay(ctx, "a second reason")
			last = txctx.AttemptOf(ctx).Last()
			return retryable.ErrRetry
		})
		wantExhausted(t, err, 1, want)
		if n != 1 || !last {
			t.Errorf("%d attempts, Last() = %t", n, last)
		}
	}
}

func TestDisableReplayDoesNotFailASuccess(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	err := run(t, db, func(ctx context.Context) error {
		txctx.DisableReplay(ctx, "x")
		return exec(ctx, "a")
	})
	if err != nil {
		t.Error(err)
	}
	wantCommitted(t, db, "a")
}

// Mutation: Connect calls dial once.
func TestConnectWaitUsesUpNoReplays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		policy := retryable.Policy{MaxRetries: retryable.NoRetries, ConnectWait: time.Hour}
		db := fakedb.New(fakedb.Attempt{Connect: fakedb.Faults(20, retryable.Failover)})
		if err := txctx.Run(t.Context(), db, txctx.Options{Retry: policy}, write("a")); err != nil {
			t.Error(err)
		}
		log := db.Log()
		if len(log) != 23 || log[20] != "begin 1" {
			t.Errorf("log %q", log)
		}
	})
}

func TestConnectGivesUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		wait  time.Duration
		err   error
		dials func(int) bool
		took  time.Duration // at most
	}{
		{"at once by default", 0, fakedb.Fault(retryable.Disconnected), func(n int) bool { return n == 1 }, 0},
		{"at once if it is no outage", time.Hour, errPlain, func(n int) bool { return n == 1 }, 0},
		{"when ConnectWait has passed", time.Minute, fakedb.Fault(retryable.Overloaded), func(n int) bool { return n > 50 }, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dials := make([]error, 10_000)
				for i := range dials {
					dials[i] = tt.err
				}
				db := fakedb.New(fakedb.Attempt{Connect: dials})
				start := time.Now()
				o := txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries, ConnectWait: tt.wait}}
				err := txctx.Run(t.Context(), db, o, write("a"))
				if !errors.Is(err, errors.Unwrap(tt.err)) && !errors.Is(err, tt.err) {
					t.Errorf("got %v", err)
				}
				if n := len(db.Log()); !tt.dials(n) {
					t.Errorf("%d dials", n)
				}
				if took := time.Since(start); took > tt.took {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestConnectEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		db := fakedb.New(fakedb.Attempt{Connect: fakedb.Faults(10_000, retryable.Disconnected)})
		start := time.Now()
		err := txctx.Run(ctx, db, txctx.Options{Retry: retryable.Persistent()}, write("a"))
		wantExhausted(t, err, 1, "context ended")
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

func blockUntilCutOff(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

// Mutation: attemptContext without a timeout.
func TestASilentDatabaseEndsTheAttemptAfterAttemptTimeout(t *testing.T) {
	t.Parallel()
	persistent := retryable.Persistent()
	persistent.AttemptTimeout = time.Minute
	waiting := retryable.Interactive()
	waiting.ConnectWait, waiting.RetryFor = time.Hour, retryable.Forever
	for name, policy := range map[string]retryable.Policy{
		"interactive":  {RetryFor: retryable.Forever},
		"waiting":      waiting,
		"for a minute": persistent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				db := fakedb.New(fakedb.Attempt{Exec: blockUntilCutOff})
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
				defer cancel()
				if err := txctx.Run(ctx, db, txctx.Options{Retry: policy}, write("a")); err != nil {
					t.Error(err)
				}
				wantCommitted(t, db, "a")
				took := time.Since(start)
				if took < time.Minute || took > policy.WithDefaults().AttemptTimeout+policy.Outage.Max+time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// The time spent waiting for the database is not the attempt's.
func TestAttemptTimeoutDoesNotCountWaitingForTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		policy := retryable.Persistent()
		policy.MaxRetries, policy.AttemptTimeout = retryable.NoRetries, time.Second
		db := fakedb.New(fakedb.Attempt{Connect: fakedb.Faults(100, retryable.Disconnected)})
		if err := txctx.Run(t.Context(), db, txctx.Options{Retry: policy}, write("a")); err != nil {
			t.Error(err)
		}
	})
}

func TestAPlainErrorAfterTheAttemptTimeoutSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		err := txctx.Run(t.Context(), fakedb.New(), txctx.Options{}, func(ctx context.Context) error {
			<-ctx.Done()
			return errPlain
		})
		if !errors.Is(err, txctx.ErrAttemptTimeout) || !errors.Is(err, errPlain) {
			t.Errorf("got %v", err)
		}
	})
}
