package pgadapter

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/txctx"
)

// work is the transaction of one attempt. Statements pass through it one at a
// time:
//
//	lock (refuse) -> begin or join -> pgx -> leave (judge the error)
//
// and Commit, Rollback or Judge close it for all that come later.
type work struct {
	db   *DB
	mode *mode
	c    *txctx.Control
	ctx  context.Context // of the attempt, for the methods of pgx.Tx that take none
	root scope

	// mu is held while a statement uses the connection. Statements only ever try
	// to lock it: two at once are a mistake that pgx answers with "conn busy",
	// and waiting would be a deadlock for a Scan method that queries.
	mu     sync.Mutex
	conn   *pgxpool.Conn // nil before the first statement and after the end
	rest   *rest         // which conn is of, nil where it comes from the pool
	tx     pgx.Tx        // pgx's on conn, for what needs one
	pid    uint32        // of the backend, as it said when it was connected to
	began  time.Time     // about the time of BEGIN
	open   closer        // rows or a batch the handler has not closed yet
	joined bool          // open came with BEGIN: conn does not know of the transaction yet
	trace  trace         // by which its outcome can be found out
	beyond bool          // more than plain reads was asked for
	cause  error         // the first error that failed the transaction
	failed bool          // it failed before there was one
	drop   bool          // conn must not be used again
	closed bool          // the attempt is over

	brake brake // cuts off a statement that is under way when the attempt ends
}

// closer is what must be closed before the connection can be used again.
type closer interface{ finish() error }

var (
	_ txctx.Tx = (*work)(nil)

	errBusy = errors.New("pgadapter: the transaction is busy: another statement is under way, in a goroutine or in a callback")
)

// admit takes the connection for a statement of the handler's, for which a test may have
// other plans.
func (w *work) admit(ctx context.Context, sql string) error {
	err := w.lock()
	switch {
	case err == nil:
		if err = w.c.Statement(sql); err != nil {
			err = w.leave(ctx, err)
		}
	case errors.Is(err, txctx.ErrAttemptOver):
		_ = w.c.Statement(sql) // it went astray
	}
	return err
}

// enter is admit for what BEGIN cannot travel with: it begins the transaction if nothing
// has.
func (w *work) enter(ctx context.Context, sql string) error {
	if err := w.admit(ctx, sql); err != nil {
		return err
	}
	return w.begun(ctx)
}

// begun begins the transaction if nothing has, or lets go of the connection.
func (w *work) begun(ctx context.Context) error {
	err := w.ready(ctx, false)
	if err != nil {
		w.mu.Unlock()
	}
	return err
}

// ready begins the transaction, if nothing has, and asks for its trace, if that is wanted
// and not known: each by itself. Call it under mu.
func (w *work) ready(ctx context.Context, asks bool) error {
	w.beyond = true
	if w.conn == nil {
		if err := w.beginAlone(ctx); err != nil {
			return err
		}
	}
	if asks {
		return w.learn(ctx)
	}
	return nil
}

// lock takes the connection, or says why it cannot be had.
func (w *work) lock() error {
	if err := w.c.Doomed(); err != nil {
		return err
	}
	if err := w.lockDoomed(); err != nil {
		return err
	}
	if w.failed {
		w.mu.Unlock()
		return errFailed
	}
	return nil
}

// lockDoomed is lock for what may still be done in a doomed transaction.
func (w *work) lockDoomed() error {
	if !w.mu.TryLock() {
		if err := w.c.Doomed(); err != nil {
			return err
		}
		return errBusy
	}
	if w.closed {
		w.mu.Unlock()
		return txctx.ErrAttemptOver
	}
	return nil
}

// leave judges the error of the statement and lets go of the connection. It
// returns err, marked if it dooms the attempt.
func (w *work) leave(ctx context.Context, err error) error {
	err = w.judge(ctx, err)
	w.mu.Unlock()
	return err
}
