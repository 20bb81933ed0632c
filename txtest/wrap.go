package txtest

import (
	"context"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// FaultyDB is a DB on which things go wrong as planned. Its methods may be called from
// any goroutine.
type FaultyDB struct {
	db txctx.DB

	mu    sync.Mutex
	plan  Plan
	fired []bool
}

// Wrap returns db, with faults: a [DB], or any adapter's on a real database. Give it to
// the middleware, and to txctx.Run, instead of db. What the handler sends is done by db,
// but for what the plan keeps from it; where a COMMIT is planned to fail, db is rolled
// back.
//
// Where the outcome of a COMMIT is planned to be unknown, and db has the means to look,
// which is a ledger, it is found out; else it stays unknown.
//
// Wrap panics if db is nil, or if a fault of the plan cannot be; the message names the
// field.
func Wrap(db txctx.DB, plan Plan) *FaultyDB {
	if db == nil {
		panic("txtest: Wrap: db is nil")
	}
	plan.validate()
	return &FaultyDB{db: db, plan: append(Plan(nil), plan...), fired: make([]bool, len(plan))}
}

// Unfired returns the faults that have not come yet: a test that meant to meet them has
// tested something else.
func (f *FaultyDB) Unfired() Plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	var unfired Plan
	for i, fault := range f.plan {
		if !f.fired[i] {
			unfired = append(unfired, fault)
		}
	}
	return unfired
}

// MustFire fails the test at its end if a fault has not come. It returns f.
func (f *FaultyDB) MustFire(t testing.TB) *FaultyDB {
	t.Helper()
	t.Cleanup(func() {
		t.Helper()
		for _, fault := range f.Unfired() {
			t.Errorf("planned, but no attempt got so far: %v", fault)
		}
	})
	return f
}

// Begin implements [txctx.DB].
func (f *FaultyDB) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	tx := &faultyTx{db: f, attempt: c.Number()}
	txctx.Inject(ctx, txctx.Injection{Dial: tx.dial, Statement: tx.statement})
	ctx, tx.Tx = f.db.Begin(ctx, c)
	if inner, ok := tx.Tx.(txctx.Resolver); ok {
		return ctx, resolvingTx{tx, inner}
	}
	return ctx, tx
}

// next takes the next fault of that attempt at that place.
func (f *FaultyDB) next(attempt int, at func(Fault) bool) (Fault, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.plan {
		if !f.fired[i] && fault.Attempt == attempt && at(fault) {
			f.fired[i] = true
			return fault, fault.answer()
		}
	}
	return Fault{}, nil
}

func atConnect(f Fault) bool { return f.AtConnect }

func atCommit(f Fault) bool { return f.AtCommit }

func atStatement(number int) func(Fault) bool {
	return func(f Fault) bool { return f.Statement == number }
}

func unknown(f Fault) bool { return f.Reason == retryable.CommitUnknown }
