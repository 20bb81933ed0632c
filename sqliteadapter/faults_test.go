package sqliteadapter_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/reprise-go/reprise/internal/sqlfault"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// openFaulty returns a DB like open's, on connections that can be cut.
func openFaulty(t *testing.T) (*sqliteadapter.DB, *sqlfault.Connector) {
	t.Helper()
	c, err := sqlite.NewConnector(filepath.Join(t.TempDir(), "test.db") +
		"?_txlock=immediate&_pragma=busy_timeout(0)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	faults := sqlfault.New(c)
	db := sqliteadapter.New(faults, sqliteadapter.Config{})
	prepare(t, db)
	return db, faults
}

// quick is a policy whose pauses are short.
func quick() txctx.Options {
	return txctx.Options{Retry: retryable.Policy{Outage: retryable.Backoff{Base: time.Millisecond, Max: 5 * time.Millisecond}}}
}

func once() txctx.Options {
	return txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}
}

// wantReason checks why attempt n of a run, from 0, was doomed.
func wantReason(t *testing.T, err error, n int, want retryable.Reason) {
	t.Helper()
	exhausted, ok := errors.AsType[*retryable.ExhaustedError](err)
	if !ok || len(exhausted.Errs) <= n {
		t.Errorf("not exhausted by attempt %d: %v", n+1, err)
		return
	}
	if got := retryable.ReasonOf(exhausted.Errs[n]); got != want {
		t.Errorf("attempt %d is doomed as %v, want %v: %v", n+1, got, want, exhausted.Errs[n])
	}
}
