package txtest

import (
	"context"
	"errors"
	"sync"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

type txKey struct{}

// transaction is one of a DB.
type transaction struct {
	db *DB
	c  *txctx.Control

	mu      sync.Mutex // held by the statement under way
	begun   bool
	outcome txctx.Outcome
	pending []string
	claim   *claim // of a key, nil without
}

func (tx *transaction) statement(ctx context.Context, text string) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	refused := tx.begin(ctx)
	planned := tx.c.Statement(text)
	switch {
	case refused != nil:
		return refused
	case planned == nil:
		tx.pending = append(tx.pending, text)
	case errors.Is(planned, retryable.ErrRetry):
		tx.c.Doom(planned, retryable.Statement)
	}
	return planned
}

// begin begins the transaction, if it has not begun. It returns why there can be no
// statement.
func (tx *transaction) begin(ctx context.Context) error {
	if err := tx.c.Doomed(); err != nil {
		return err
	}
	err := context.Cause(ctx)
	switch {
	case errors.Is(err, txctx.ErrAttemptTimeout):
		err = &retryable.Error{Reason: retryable.Disconnected, Err: err}
	case err == nil && !tx.begun:
		err = tx.c.Connect(ctx, func(context.Context) error { return nil })
	}
	if err != nil {
		tx.c.Doom(err, retryable.Connect)
		return err
	}
	tx.begun = true
	return nil
}

// Commit implements [txctx.Tx].
func (tx *transaction) Commit(context.Context) (txctx.Outcome, error) {
	tx.end(txctx.Committed)
	return txctx.Committed, nil
}

// Rollback implements [txctx.Tx].
func (tx *transaction) Rollback(context.Context) error {
	tx.end(txctx.RolledBack)
	return nil
}

// Judge implements [txctx.Tx]: nothing is overlooked here.
func (*transaction) Judge(err error) error { return err }

// end ends the transaction, the first time.
func (tx *transaction) end(outcome txctx.Outcome) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if !tx.begun {
		return
	}
	tx.begun, tx.outcome = false, outcome
	tx.db.mu.Lock()
	defer tx.db.mu.Unlock()
	if outcome == txctx.Committed {
		tx.db.committed = append(tx.db.committed, tx.pending...)
	} else {
		tx.db.rolledBack = append(tx.db.rolledBack, tx.pending...)
	}
	tx.settleClaim(outcome)
}
