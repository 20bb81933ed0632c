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

// gated is a scripted database behind the gate of a frail one.
type gated struct {
	*fakedb.DB
	*frail
}

func (db gated) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	return db.DB.Begin(ctx, c)
}

// While the database is down nobody looks; who looks makes the probes.
//
// Mutation seen to fail it: look through a gate that is shut.
func TestALookWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := gated{frail: newFrail(10)}
		script := found(true, txctx.Committed, nil)
		looks := 0
		var at time.Duration
		start := time.Now()
		script.Resolve = func(context.Context) (txctx.Outcome, error) {
			looks++
			at = time.Since(start)
			return txctx.Committed, nil
		}
		script.OnEnd = func(context.Context) { shutGate(db.frail, refusing) }
		db.DB = fakedb.New(script)
		time.AfterFunc(3*time.Second, func() { db.set(up) })
		if err := txctx.Run(t.Context(), db, txctx.Options{}, write("a")); err != nil {
			t.Error(err)
		}
		if looks != 1 || at < 3*time.Second || at > 3600*time.Millisecond {
			t.Errorf("%d looks, the last after %v", looks, at)
		}
	})
}

// Mutation seen to fail it: wait without the context.
func TestALookDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := gated{frail: newFrail(10)}
		script := found(true, txctx.Committed, nil)
		script.OnEnd = func(context.Context) { shutGate(db.frail, refusing) }
		db.DB = fakedb.New(script)
		start := time.Now()
		err := txctx.Run(t.Context(), db, txctx.Options{}, write("a"))
		if _, unknown := errors.AsType[*txctx.OutcomeUnknownError](err); !unknown || !errors.Is(err, errRefused.Err) {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// Looks that find the database to be down shut the gate, and others do not.
//
// Mutation seen to fail it: take CommitUnknown for it.
func TestLooksAreHeardAtTheGate(t *testing.T) {
	t.Parallel()
	for reason, shut := range map[retryable.Reason]bool{
		retryable.Disconnected: true, retryable.Failover: false, retryable.CommitUnknown: false, retryable.Serialization: false,
		retryable.Overloaded: false,
	} {
		t.Run(reason.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				db := gated{frail: newFrail(10)}
				db.set(refusing)
				looks := 0
				script := found(true, txctx.Unknown, nil)
				script.Resolve = func(context.Context) (txctx.Outcome, error) {
					looks++
					return txctx.Unknown, fakedb.Fault(reason)
				}
				db.DB = fakedb.New(script)
				_ = txctx.Run(t.Context(), db, txctx.Options{}, write("a"))
				if (db.probes.Load() > 0) != shut || (looks == 3) != shut {
					t.Errorf("%d looks, %d probes", looks, db.probes.Load())
				}
			})
		})
	}
}
