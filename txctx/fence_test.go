package txctx_test

import (
	"context"
	"errors"
	"testing"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// leaky is a database on which something is committed in passing.
type leaky struct{ *fakedb.DB }

func (db leaky) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	c.Fence("create commits implicitly")
	return db.DB.Begin(ctx, c)
}

// TestRule16_WhatWasCommittedInPassingIsNotDenied: the attempt is rolled back, and a part
// of it stays, so the client must not be told that nothing was changed, nor to come again.
// DisableReplay is about what is outside of the database.
//
// Mutation seen to fail it: return the ExhaustedError.
func TestRule16_WhatWasCommittedInPassingIsNotDenied(t *testing.T) {
	lost := fakedb.Attempt{Statements: []error{fakedb.Fault(retryable.Disconnected)}}
	run := func(db txctx.DB) error {
		return txctx.Run(t.Context(), db, txctx.Options{}, func(ctx context.Context) error {
			txctx.DisableReplay(ctx, "mail was sent")
			return fakedb.Tx(ctx).Exec(ctx, "insert")
		})
	}
	err := run(leaky{fakedb.New(lost)})
	unknown, ok := errors.AsType[*txctx.OutcomeUnknownError](err)
	if !ok || unknown.Run == (txctx.RunID{}) || unknown.Keyed {
		t.Errorf("got %v", err)
	}
	if exhausted, ok := errors.AsType[*retryable.ExhaustedError](err); !ok || exhausted.Attempts != 1 {
		t.Errorf("got %v", err)
	}
	if err := run(fakedb.New(lost)); errors.As(err, &unknown) {
		t.Errorf("without a leak: %v", err)
	}
}
