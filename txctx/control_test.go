package txctx_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// fencing is an adapter that fences every attempt.
type fencing struct {
	*fakedb.DB
	policy retryable.Policy
}

func (f *fencing) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	f.policy = c.Policy()
	c.Doom(nil, retryable.Statement) // nothing
	c.Fence("a statement outside the transaction")
	return f.DB.Begin(ctx, c)
}

func TestAnAdapterMayFenceAndReadsThePolicyWithItsDefaults(t *testing.T) {
	t.Parallel()
	db := &fencing{DB: fakedb.New(doomedBy(1, retryable.Deadlock)...)}
	o := txctx.Options{Retry: retryable.Policy{CommitTimeout: time.Second}}
	wantExhausted(t, txctx.Run(t.Context(), db, o, write("a")), 1, "replay disabled: a statement outside the transaction")
	want := retryable.Interactive()
	want.CommitTimeout = time.Second
	if diff := cmp.Diff(want, db.policy); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}
