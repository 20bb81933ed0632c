package fakedb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

type txKey struct{}

// transaction is the transaction of one attempt.
type transaction struct {
	db     *DB
	c      *txctx.Control
	script Attempt

	cut    context.Context // ends with the attempt, and every statement with it
	cutOff context.CancelCauseFunc

	mu      sync.Mutex // held by the statement under way
	open    bool
	ended   bool
	dead    bool  // the connection is lost
	failed  error // what failed the transaction without dooming the attempt
	n       int   // statements so far
	pending []string
	claim   *claim // of a key, nil without
}

// Handle is the transaction as a handler sees it.
type Handle struct{ tx *transaction }

// Tx returns the transaction of the attempt that ctx belongs to. Outside of one
// every method answers txctx.ErrNoTransaction.
func Tx(ctx context.Context) Handle {
	tx, _ := ctx.Value(txKey{}).(*transaction)
	return Handle{tx}
}

// Exec executes a statement; the first one begins the transaction.
func (h Handle) Exec(ctx context.Context, statement string) error {
	return h.do(ctx, func(ctx context.Context, tx *transaction) error { return tx.exec(ctx, statement) })
}

// Savepoint calls fn in a savepoint and rolls back to it if fn fails. It returns
// the error of fn, unless there is no going back.
func (h Handle) Savepoint(ctx context.Context, name string, fn func() error) error {
	var pending, hooks int
	err := h.do(ctx, func(ctx context.Context, tx *transaction) error {
		pending, hooks = len(tx.pending), tx.c.HookMark()
		tx.db.note("savepoint "+name, nil)
		return nil
	})
	if err != nil {
		return err
	}
	if err := fn(); err != nil {
		return errors.Join(err, h.tx.rollbackTo(name, pending, hooks))
	}
	return h.do(ctx, func(_ context.Context, tx *transaction) error {
		tx.db.note("release "+name, nil)
		return nil
	})
}

// Commit answers txctx.ErrManaged: the transaction is not the handler's.
func (h Handle) Commit(context.Context) error { return h.managed() }

// Rollback answers txctx.ErrManaged.
func (h Handle) Rollback(context.Context) error { return h.managed() }

func (h Handle) managed() error {
	if h.tx == nil {
		return txctx.ErrNoTransaction
	}
	return txctx.ErrManaged
}

// do runs f as one statement, if the transaction takes any more.
func (h Handle) do(ctx context.Context, f func(context.Context, *transaction) error) error {
	tx := h.tx
	if tx == nil {
		return txctx.ErrNoTransaction
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if err := tx.c.Doomed(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(tx.cut, func() { cancel(txctx.ErrAttemptOver) })()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := tx.begin(ctx); err != nil {
		tx.c.Doom(err, retryable.Connect)
		return err
	}
	if tx.failed != nil {
		return fmt.Errorf("%w: %w", ErrFailed, tx.failed)
	}
	return f(ctx, tx)
}

// begin connects and begins the transaction.
func (tx *transaction) begin(ctx context.Context) error {
	if tx.open {
		return nil
	}
	err := tx.c.Connect(ctx, func(context.Context) error {
		if len(tx.script.Connect) == 0 {
			return nil
		}
		err := tx.script.Connect[0]
		tx.script.Connect = tx.script.Connect[1:]
		tx.db.note("dial", err)
		return err
	})
	if err != nil {
		return err
	}
	if tx.c.AfterLoss() {
		tx.db.note("ping", nil)
	}
	what := "begin " + strconv.Itoa(tx.c.Number())
	if tx.c.ReadOnly() {
		what += " read only"
	}
	tx.db.note(what, nil)
	tx.db.begun(1)
	tx.open = true
	return nil
}

func (tx *transaction) exec(ctx context.Context, statement string) error {
	var err error
	if tx.n < len(tx.script.Statements) {
		err = tx.script.Statements[tx.n]
	}
	tx.n++
	if err == nil && tx.script.Exec != nil {
		err = tx.script.Exec(ctx, statement)
	}
	cause := context.Cause(ctx)
	if err != nil && errors.Is(cause, txctx.ErrAttemptTimeout) {
		err = &retryable.Error{Reason: retryable.Disconnected, Err: cause}
	}
	tx.db.note("exec "+statement, err)
	switch {
	case err == nil:
		tx.pending = append(tx.pending, statement)
	case errors.Is(err, retryable.ErrRetry):
		tx.dead = retryable.ReasonOf(err).Outage()
		tx.c.Doom(err, retryable.Statement)
	default:
		tx.failed = err
	}
	return err
}

// rollbackTo goes back to a savepoint. It is allowed in a failed transaction, and
// in one that is doomed by a lock that was not granted.
func (tx *transaction) rollbackTo(name string, pending, hooks int) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.c.DropHooks(hooks)
	doom := tx.c.Doomed()
	if doom != nil && retryable.ReasonOf(doom) != retryable.LockTimeout {
		return doom
	}
	tx.db.note("rollback to "+name, nil)
	tx.pending, tx.failed = tx.pending[:pending], nil
	tx.c.Forgive()
	return nil
}

// ending is the transaction as the engine sees it.
type ending transaction

// resolving is an ending whose outcome can be found out.
type resolving struct{ *ending }

// Resolve implements txctx.Resolver.
func (r resolving) Resolve(ctx context.Context) (txctx.Outcome, error) { return r.script.Resolve(ctx) }

// Commit implements txctx.Tx.
func (e *ending) Commit(ctx context.Context) (txctx.Outcome, error) {
	tx, s := (*transaction)(e), &e.script
	if !tx.end(ctx) {
		return txctx.Committed, nil
	}
	defer tx.release()
	outcome, err := txctx.Committed, s.CommitErr
	switch {
	case tx.failed != nil:
		outcome, err = txctx.RolledBack, tx.failed
	case err != nil:
		outcome = s.Outcome
	}
	tx.db.note("commit", err)
	if outcome == txctx.Committed || (outcome == txctx.Unknown && s.Applied) {
		tx.db.apply(tx.pending)
		tx.keep()
	}
	return outcome, err
}

// Rollback implements txctx.Tx.
func (e *ending) Rollback(ctx context.Context) error {
	tx := (*transaction)(e)
	if !tx.end(ctx) {
		return nil
	}
	defer tx.release()
	if tx.dead {
		tx.db.note("close", nil)
		return nil
	}
	tx.db.note("rollback", e.script.RollbackErr)
	return e.script.RollbackErr
}

// Judge implements txctx.Tx.
func (e *ending) Judge(err error) error {
	if e.script.Judge != nil {
		return e.script.Judge(err)
	}
	return err
}

// end cuts off the statement under way, waits for it, and reports whether there
// is a transaction to be ended.
func (tx *transaction) end(ctx context.Context) bool {
	tx.cutOff(txctx.ErrAttemptOver)
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if !tx.open || tx.ended {
		return false
	}
	tx.ended = true
	tx.db.begun(-1)
	if tx.script.OnEnd != nil {
		tx.script.OnEnd(ctx)
	}
	return true
}
