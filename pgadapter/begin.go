package pgadapter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// opening sends what begins a transaction, and returns nil when BEGIN has been answered,
// whatever became of what was sent with it. A *unbegun says that it was no fault of
// BEGIN's that nothing has begun. Nothing can have been committed by it, so that it may
// be called again.
type opening func(ctx context.Context, conn *pgx.Conn) error

// unbegun is the error of a statement that was to begin the transaction, and by which
// BEGIN was not run: nothing has begun.
type unbegun struct {
	err    error
	server bool // the server's words: within the transaction, they would have failed it
}

func (r *unbegun) Error() string { return r.err.Error() }
func (r *unbegun) Unwrap() error { return r.err }

// beginAlone sends BEGIN and nothing else.
func (w *work) beginAlone(ctx context.Context) error {
	return w.begin(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if err := w.probe(ctx, conn); err != nil {
			return err
		}
		_, err := conn.BeginTx(ctx, w.txOptions())
		return err
	})
}

// begin takes a connection and begins the transaction: the one place where that is done.
// Whatever fails here dooms the attempt, unless it was the statement itself that was
// refused, or the caller's own context that ended.
func (w *work) begin(ctx context.Context, open opening) error {
	dialCtx, stop := context.WithCancel(ctx)
	defer stop()
	w.brake.guard(stop)
	sent := false
	err := w.c.Connect(dialCtx, func(dialCtx context.Context) error {
		sent = false
		err := w.connect(ctx, dialCtx, func(_ context.Context, conn *pgx.Conn) error {
			err := open(ctx, conn)
			sent = conn.IsClosed()
			return err
		})
		if _, refused := errors.AsType[*unbegun](err); err == nil || refused || dialCtx.Err() != nil {
			return err
		}
		return w.mark(err, retryable.Connect)
	})
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*unbegun](err); ok && !timedOut(ctx, err) {
		return w.refused(refused)
	}
	if ctx.Err() != nil && !isRetry(err) {
		if sent {
			return w.cutOff(ctx, err)
		}
		if !errors.Is(context.Cause(ctx), txctx.ErrAttemptTimeout) {
			return err
		}
		err = &retryable.Error{Reason: retryable.Disconnected, Err: err}
	}
	w.c.Doom(err, retryable.Connect)
	return err
}

// refused judges a statement that kept the transaction from beginning. Where the server
// has refused it, the transaction has failed for the handler, although there is none.
func (w *work) refused(r *unbegun) error {
	if !r.server {
		return r.err
	}
	err := w.mark(r.err, retryable.Statement)
	w.cause, w.failed = err, true
	if isRetry(err) {
		w.c.Doom(err, retryable.Statement)
	}
	return err
}

// errFailed is what PostgreSQL says of every statement after one that failed.
var errFailed = &pgconn.PgError{
	Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "25P02",
	Message: "current transaction is aborted, commands ignored until end of transaction block",
}

// connect takes a connection and begins on it. A connection that turns out to have died
// in the pool is no failure of the attempt: the next one is tried, after making sure that
// it is alive. What was sent with BEGIN is sent again then: whatever the server did with
// it, it did not commit.
func (w *work) connect(ctx, dialCtx context.Context, open opening) error {
	pooled, err := w.tryConnect(ctx, dialCtx, w.c.AfterLoss(), open)
	if pooled && err != nil && dialCtx.Err() == nil && retryable.ReasonOf(w.mark(err, retryable.Connect)).Lost() {
		_, err = w.tryConnect(ctx, dialCtx, true, open)
	}
	return err
}

// tryConnect reports with its error whether that came from a connection the pool had
// given out, and that is lost now. dialCtx is for the wait: what is sent runs under ctx,
// since its rows are read later.
func (w *work) tryConnect(ctx, dialCtx context.Context, checked bool, open opening) (pooled bool, err error) {
	conn, err := w.acquire(dialCtx, checked)
	if err != nil {
		return false, err
	}
	w.brake.hold(conn.Conn().PgConn().Conn())
	err = open(ctx, conn.Conn())
	if err != nil {
		closed := conn.Conn().IsClosed()
		if Unusable(w.fault(err, retryable.Connect)) { // a standby refused to begin
			closeConn(ctx, conn.Conn())
		}
		w.brake.ease(true)
		conn.Release()
		_, refused := errors.AsType[*unbegun](err)
		return closed && !refused, err
	}
	w.conn, w.inner = conn, txOn(ctx, conn.Conn(), w.txOptions())
	w.pid, w.began = conn.Conn().PgConn().PID(), time.Now()
	return true, nil
}

// txOn returns pgx's transaction on a connection that is in one. It does no I/O: only a
// batch can make one without sending BEGIN, and this one is empty.
func txOn(ctx context.Context, conn *pgx.Conn, o pgx.TxOptions) pgx.Tx {
	var b pgx.Batch
	b.BeginTx(o)
	b.QueuedQueries = nil
	return conn.SendBatch(ctx, &b).Tx()
}

// acquire takes a connection from the pool, waiting no longer than the policy
// allows. One that the server is known to have left is not taken. Where asked to, it
// makes sure that the connection is alive: those that died with another one must not
// cost a replay each.
func (w *work) acquire(ctx context.Context, checked bool) (*pgxpool.Conn, error) {
	limit := w.c.Policy().AcquireTimeout
	short, cancel := ctx, context.CancelFunc(func() {})
	if limit != retryable.Forever {
		short, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	for dead := int32(0); ; dead++ {
		conn, err := w.db.pool.Acquire(short)
		again := dead < w.db.maxConns
		switch {
		case err != nil:
		case checked:
			if err = conn.Ping(short); err != nil {
				closeConn(ctx, conn.Conn())
				conn.Release()
				if short.Err() == nil && again {
					continue // else it was a new one: the database is down behind a pooler
				}
			}
		case again && severed(conn.Conn().PgConn().Conn()):
			closeConn(ctx, conn.Conn())
			conn.Release()
			continue
		}
		if err != nil && short.Err() != nil && ctx.Err() == nil {
			stat := w.db.pool.Stat()
			err = fmt.Errorf("pgadapter: no connection within %v (%d of %d in use): %w",
				limit, stat.AcquiredConns(), stat.MaxConns(), err)
		}
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// closeConn closes a connection without waiting for the server.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_ = conn.Close(ctx)
}

// txOptions returns the options to begin w's transaction with.
func (w *work) txOptions() pgx.TxOptions {
	o := w.db.cfg.TxOptions
	if w.c.ReadOnly() {
		o.AccessMode = pgx.ReadOnly
	}
	return o
}
