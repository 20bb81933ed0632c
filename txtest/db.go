package txtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/reprise-go/reprise/txctx"
)

// DB is a database without a server: it remembers which statements were committed, and
// which were rolled back. The zero value is ready. By itself nothing fails on it; see
// [Wrap]. Its methods may be called from any goroutine.
type DB struct {
	// Ledger makes it a database with a ledger, which keeps Idempotency-Keys, and can
	// find out what became of a COMMIT that got no answer. Nothing is ever purged. false
	Ledger bool

	mu         sync.Mutex
	committed  []string
	rolledBack []string
	keys       map[[32]byte]*claim
}

var (
	_ txctx.DB        = (*DB)(nil)
	_ txctx.KeyKeeper = (*DB)(nil)
)

// Statement is a statement in the transaction of the attempt that ctx belongs to; the
// first one begins it. Handlers under test call it, or what stands for their repository
// does. The error is what doomed the attempt, what a [Plan] has for the statement, the
// cause of ctx where that has ended, txctx.ErrAttemptOver after the end of the attempt,
// and txctx.ErrNoTransaction where ctx belongs to no attempt on a DB.
func Statement(ctx context.Context, text string) error {
	tx, _ := ctx.Value(txKey{}).(*transaction)
	if tx == nil {
		return txctx.ErrNoTransaction
	}
	return tx.statement(ctx, text)
}

// Committed returns the statements of the transactions that were committed, in order.
func (db *DB) Committed() []string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Clone(db.committed)
}

// RolledBack returns the statements of the transactions that were rolled back, in order.
func (db *DB) RolledBack() []string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Clone(db.rolledBack)
}

// Begin implements [txctx.DB].
func (db *DB) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	tx := &transaction{db: db, c: c}
	ctx = context.WithValue(ctx, txKey{}, tx)
	if db.Ledger {
		return ctx, ledgered{tx}
	}
	return ctx, tx
}

// retention is longer than any test.
const retention = 24 * time.Hour

// KeepsKeys implements [txctx.KeyKeeper].
func (db *DB) KeepsKeys() (time.Duration, bool) { return retention, db.Ledger }
