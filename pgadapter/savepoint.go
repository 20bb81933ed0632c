package pgadapter

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/retryable"
)

// savepoint is a nested transaction: pgx's, with the AfterCommit functions
// registered inside it.
type savepoint struct {
	scope
	hooks int // HookMark at its start
}

// Commit releases the savepoint.
func (sp *savepoint) Commit(ctx context.Context) (err error) {
	if sp.closed {
		return pgx.ErrTxClosed
	}
	if err := sp.w.enter(ctx, "release savepoint"); err != nil {
		return err
	}
	defer func() { err = sp.w.leave(ctx, err) }()
	sp.closed = true
	return sp.sp.Commit(ctx)
}

// Rollback rolls back to the savepoint, also after ctx has ended: what it undoes
// must not be committed because the caller ran out of time. A lock that was not
// granted inside the savepoint is forgiven.
func (sp *savepoint) Rollback(ctx context.Context) (err error) {
	if sp.closed {
		return pgx.ErrTxClosed
	}
	if doom := sp.w.c.Doomed(); doom != nil && retryable.ReasonOf(doom) != retryable.LockTimeout {
		return doom
	}
	if err := sp.w.lockDoomed(); err != nil {
		return err
	}
	if err := sp.w.c.Statement("rollback to savepoint"); err != nil {
		return sp.w.leave(ctx, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sp.w.c.Policy().CommitTimeout)
	defer cancel()
	defer func() { err = sp.w.leave(ctx, err) }()
	sp.closed = true
	if err := sp.sp.Rollback(ctx); err != nil {
		return err
	}
	sp.w.cause = nil
	sp.w.c.Forgive()
	sp.w.c.DropHooks(sp.hooks)
	return nil
}
