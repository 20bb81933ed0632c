package sqladapter_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/reprise-go/reprise/retryable"
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
	s := &server{fail: map[string][]error{"connect": {lost, lost}}}
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

func TestReadOnly(t *testing.T) {
	s := &server{}
	if _, err := run(newDB(t, s), txctx.Options{ReadOnly: true}, func(ctx context.Context) error { return exec(ctx, "a") }); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, s, "begin read only", "a", "commit")
}
