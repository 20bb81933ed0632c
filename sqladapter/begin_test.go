package sqladapter_test

import (
	"context"
	"database/sql"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// Mutation: begin in Begin.
func TestRule18_WithoutTxNothingIsBegun(t *testing.T) {
	s := &server{}
	if _, err := run(newDB(t, s), txctx.Options{}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := s.calls(); len(got) != 0 {
		t.Errorf("calls %v", got)
	}
}

// TestRule18_ATransactionThatCannotBegin is a transaction all the same.
//
// Mutation: return nil from get.
func TestRule18_ATransactionThatCannotBegin(t *testing.T) {
	lost := io.ErrUnexpectedEOF
	s := &server{fail: map[string][]error{"connect": {lost}}}
	runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
		err := exec(ctx, "a")
		if txctx.AttemptOf(ctx).Number == 1 && retryable.ReasonOf(err) != retryable.Disconnected {
			t.Errorf("the statement answers %v", err)
		}
		return nil // swallowed
	})
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	wantCalls(t, s, "ping", "begin", "a", "commit")
}

// TestRule14_ABeginThatComesTooLateIsNoTransaction: database/sql rolls it back behind
// our back. A handler that looks away must not get a 200 for it.
//
// Mutation: take the transaction all the same.
func TestRule14_ABeginThatComesTooLateIsNoTransaction(t *testing.T) {
	s := &server{slow: 1}
	o := txctx.Options{Retry: retryable.Policy{AcquireTimeout: 10 * time.Millisecond}}
	runs, err := run(newDB(t, s), o, func(ctx context.Context) error {
		_ = exec(ctx, "a") // swallowed
		return nil
	})
	if runs != 2 || err != nil || !slices.Contains(s.calls(), "commit") {
		t.Errorf("ran %d times, error %v, calls %v", runs, err, s.calls())
	}
}

// TestAConnectionThatCannotBeMade is the failure of the attempt, at once: the gate has to
// hear of it.
//
// Mutation seen to fail it: dial again within the attempt.
func TestAConnectionThatCannotBeMade(t *testing.T) {
	s := &server{fail: map[string][]error{"connect": {io.ErrUnexpectedEOF}}}
	var phases []retryable.Phase
	o := txctx.Options{Observe: func(_ context.Context, e txctx.Event) {
		if e.Kind == txctx.ReplayScheduled {
			phases = append(phases, e.Phase)
		}
	}}
	runs, err := run(newDB(t, s), o, func(ctx context.Context) error { return exec(ctx, "a") })
	if runs != 2 || err != nil || !slices.Equal(phases, []retryable.Phase{retryable.Connect}) {
		t.Errorf("ran %d times, error %v, replays for %v", runs, err, phases)
	}
}

// A connection that died in the pool costs no attempt.
//
// Mutation: connect only once.
func TestRule10_ADeadPooledConnectionCostsNoAttempt(t *testing.T) {
	s := &server{fail: map[string][]error{"begin": {io.ErrUnexpectedEOF}}}
	runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error { return exec(ctx, "a") })
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestABeginThatAStandbyRefuses: the driver keeps the connection, which leads to the wrong
// server, as those do that were made with it. One made afterwards is taken, within the
// same attempt.
//
// Mutation seen to fail it: do not judge what BEGIN failed with.
func TestABeginThatAStandbyRefuses(t *testing.T) {
	s := &server{}
	db := newDB(t, s)
	db.SQL().SetMaxOpenConns(3)
	db.SQL().SetMaxIdleConns(3)
	for _, c := range []*sql.Conn{pooled(t, db), pooled(t, db), pooled(t, db)} {
		_ = c.Close()
	}
	s.fail = map[string][]error{"begin": {fakedb.Fault(retryable.Failover)}}
	runs, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, "a") })
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	want := []string{ // database/sql tries two of the pool
		"connect", "connect", "connect", "begin", "close", "close", "connect", "ping", "begin", "a", "commit",
	}
	if diff := cmp.Diff(want, s.calls()); diff != "" {
		t.Errorf("calls of the driver (-want +got):\n%s", diff)
	}
}

// TestABeginOnALostConnection whose driver does not say so.
//
// Mutation seen to fail it: keep what is lost for another reason than Failover.
func TestABeginOnALostConnection(t *testing.T) {
	s := &server{fail: map[string][]error{"begin": {io.ErrUnexpectedEOF}}}
	db := newDB(t, s)
	runs, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, "a") })
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if diff := cmp.Diff([]string{"connect", "begin", "close", "connect", "ping", "begin", "a", "commit"}, s.calls()); diff != "" {
		t.Errorf("calls of the driver (-want +got):\n%s", diff)
	}
}

func pooled(t *testing.T, db *sqladapter.DB) *sql.Conn {
	t.Helper()
	c, err := db.SQL().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadOnly(t *testing.T) {
	s := &server{}
	if _, err := run(newDB(t, s), txctx.Options{ReadOnly: true}, func(ctx context.Context) error { return exec(ctx, "a") }); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, s, "begin read only", "a", "commit")
}
