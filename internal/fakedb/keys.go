package fakedb

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// KeepKeys makes db keep keys for so long, as an adapter with a ledger does, and
// returns it. Nothing is ever purged.
func (db *DB) KeepKeys(retention time.Duration) *DB {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.retention = retention
	db.keys = make(map[[32]byte]*claim)
	return db
}

// KeepsKeys implements txctx.KeyKeeper.
func (db *DB) KeepsKeys() (retention time.Duration, ok bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.retention, db.retention > 0
}

// Answers returns what is kept with the keys of committed transactions.
func (db *DB) Answers() []txctx.Answer {
	db.mu.Lock()
	defer db.mu.Unlock()
	var answers []txctx.Answer
	for _, held := range db.keys {
		if held.answer != nil {
			answers = append(answers, *clone(held.answer))
		}
	}
	return answers
}

// claim is a key that a transaction has claimed: one that is open, or one that was
// committed.
type claim struct {
	key    txctx.Key
	answer *txctx.Answer // nil while it is open
	over   chan struct{} // closed when it is not open any more
}

// Claim implements txctx.Claimer.
func (e *ending) Claim(ctx context.Context, k *txctx.Key) (*txctx.Answer, error) {
	tx := (*transaction)(e)
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if err := tx.c.Doomed(); err != nil {
		return nil, err
	}
	if err := tx.begin(ctx); err != nil {
		tx.c.Doom(err, retryable.Connect)
		return nil, err
	}
	var err error
	if e.script.Claim != nil {
		err = e.script.Claim(ctx)
	}
	if err != nil {
		tx.db.note("claim", err)
		tx.dead = retryable.ReasonOf(err).Outage()
		tx.c.Doom(err, retryable.Statement)
		return nil, err
	}
	answer, err := tx.claimKey(ctx, k)
	what := "claim"
	if answer != nil {
		what = "claim: found"
	}
	tx.db.note(what, err)
	return answer, err
}

// claimKey claims k, or waits for whoever has it.
func (tx *transaction) claimKey(ctx context.Context, k *txctx.Key) (*txctx.Answer, error) {
	patience := time.NewTimer(k.Wait)
	defer patience.Stop()
	for {
		held := tx.db.hold(tx, k)
		switch {
		case held == nil:
			return nil, nil
		case held.answer == nil:
		case held.key.Fingerprint != k.Fingerprint:
			return nil, txctx.ErrKeyReused
		default:
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
func (db *DB) hold(tx *transaction, k *txctx.Key) *claim {
	db.mu.Lock()
	defer db.mu.Unlock()
	if held := db.keys[k.ID]; held != nil {
		copied := *held
		return &copied
	}
	tx.claim = &claim{key: *k, over: make(chan struct{})}
	db.keys[k.ID] = tx.claim
	return nil
}

// keep keeps the claim of a transaction that was committed.
func (tx *transaction) keep() {
	if tx.claim == nil {
		return
	}
	answer := clone(tx.c.Answer())
	tx.db.mu.Lock()
	defer tx.db.mu.Unlock()
	tx.claim.answer = answer
}

// release ends the claim of a transaction: what was not kept is free again.
func (tx *transaction) release() {
	if tx.claim == nil {
		return
	}
	tx.db.mu.Lock()
	defer tx.db.mu.Unlock()
	if tx.claim.answer == nil {
		delete(tx.db.keys, tx.claim.key.ID)
	}
	close(tx.claim.over)
}

func clone(a *txctx.Answer) *txctx.Answer {
	header := maps.Clone(a.Header)
	for name, values := range header {
		header[name] = slices.Clone(values)
	}
	return &txctx.Answer{Status: a.Status, Header: header, Body: slices.Clone(a.Body)}
}
