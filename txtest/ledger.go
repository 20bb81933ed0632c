package txtest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// ledgered is a transaction of a DB with a ledger.
type ledgered struct{ *transaction }

var (
	_ txctx.Claimer  = ledgered{}
	_ txctx.Resolver = ledgered{}
)

// claim is a key that a transaction has claimed: one that is open, or was committed.
type claim struct {
	key    txctx.Key
	answer *txctx.Answer // nil while it is open
	over   chan struct{} // closed when it is not open any more
}

// Resolve implements [txctx.Resolver].
func (tx ledgered) Resolve(context.Context) (txctx.Outcome, error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.outcome, nil
}

// Claim implements [txctx.Claimer].
func (tx ledgered) Claim(ctx context.Context, k *txctx.Key) (*txctx.Answer, error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if err := tx.begin(ctx); err != nil {
		return nil, err
	}
	patience := time.NewTimer(k.Wait)
	defer patience.Stop()
	for {
		held := tx.hold(k)
		switch {
		case held == nil:
			return nil, nil
		case held.answer != nil && held.key.Fingerprint != k.Fingerprint:
			return nil, txctx.ErrKeyReused
		case held.answer != nil:
			return clone(held.answer), nil
		}
		select {
		case <-held.over:
		case <-patience.C:
			return nil, txctx.ErrKeyInUse
		case <-ctx.Done():
			err := context.Cause(ctx)
			tx.c.Doom(err, retryable.Statement)
			return nil, err
		}
	}
}

// hold gives k to tx, or returns a copy of the claim of whoever has it.
func (tx *transaction) hold(k *txctx.Key) *claim {
	tx.db.mu.Lock()
	defer tx.db.mu.Unlock()
	if held := tx.db.keys[k.ID]; held != nil {
		copied := *held
		return &copied
	}
	if tx.db.keys == nil {
		tx.db.keys = make(map[[32]byte]*claim)
	}
	tx.claim = &claim{key: *k, over: make(chan struct{})}
	tx.db.keys[k.ID] = tx.claim
	return nil
}

// settleClaim keeps the answer of a transaction that was committed, and frees the key of
// one that was not. The DB is locked.
func (tx *transaction) settleClaim(outcome txctx.Outcome) {
	if tx.claim == nil {
		return
	}
	if outcome == txctx.Committed {
		tx.claim.answer = clone(tx.c.Answer())
	} else {
		delete(tx.db.keys, tx.claim.key.ID)
	}
	close(tx.claim.over)
}

func clone(a *txctx.Answer) *txctx.Answer {
	header := maps.Clone(a.Header)
	for name, values := range header {
		header[name] = slices.Clone(values)
	}
	return &txctx.Answer{Status: a.Status, Header: header, Body: bytes.Clone(a.Body)}
}
