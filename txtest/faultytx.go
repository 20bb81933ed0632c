package txtest

import (
	"context"
	"sync/atomic"

	"github.com/reprise-go/reprise/txctx"
)

// faultyTx is a transaction of a FaultyDB.
type faultyTx struct {
	txctx.Tx
	db      *FaultyDB
	attempt int
	begun   atomic.Bool
	planned bool          // COMMIT was left unanswered
	outcome txctx.Outcome // of that
}

// resolvingTx is one whose adapter can find out what became of a COMMIT.
type resolvingTx struct {
	*faultyTx
	inner txctx.Resolver
}

var (
	_ txctx.Claimer  = (*faultyTx)(nil)
	_ txctx.Resolver = resolvingTx{}
)

func (tx *faultyTx) dial() error {
	_, err := tx.db.next(tx.attempt, atConnect)
	tx.begun.Store(err == nil)
	return err
}

func (tx *faultyTx) statement(number int, _ string) error {
	_, err := tx.db.next(tx.attempt, atStatement(number))
	return err
}

// Claim implements [txctx.Claimer]. It is called only where KeepsKeys says so.
func (tx *faultyTx) Claim(ctx context.Context, k *txctx.Key) (*txctx.Answer, error) {
	return tx.Tx.(txctx.Claimer).Claim(ctx, k)
}

// Commit implements [txctx.Tx].
func (tx *faultyTx) Commit(ctx context.Context) (txctx.Outcome, error) {
	if !tx.begun.Load() {
		return tx.Tx.Commit(ctx)
	}
	fault, err := tx.db.next(tx.attempt, atCommit)
	switch {
	case err == nil:
		return tx.Tx.Commit(ctx)
	case fault.Applied:
		if outcome, err := tx.Tx.Commit(ctx); outcome != txctx.Committed {
			return outcome, err
		}
		tx.outcome = txctx.Committed
	default:
		_ = tx.Rollback(ctx) // whatever it says, nothing is committed
		tx.outcome = txctx.RolledBack
	}
	if !unknown(fault) {
		return txctx.RolledBack, err
	}
	tx.planned = true
	return txctx.Unknown, err
}

// Resolve implements [txctx.Resolver]. What became of a COMMIT that the plan has left
// unanswered is known; the adapter has seen nothing of it.
func (tx resolvingTx) Resolve(ctx context.Context) (txctx.Outcome, error) {
	if tx.planned {
		return tx.outcome, nil
	}
	return tx.inner.Resolve(ctx)
}
