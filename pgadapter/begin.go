package pgadapter

import (
	"context"
	"errors"
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
		end, sql := w.opening(conn)
		if end != "" {
			sql = end + "; " + sql
		}
		_, err := conn.Exec(ctx, sql)
		if e := serverError(err); err != nil && (e == nil || fatal(e)) {
			closeConn(ctx, conn)
		}
		return err
	})
}

// begin takes a connection and begins the transaction: the one place where that is done.
// Whatever fails here dooms the attempt, unless it was the statement itself that was
// refused, or the caller's own context that ended.
func (w *work) begin(ctx context.Context, open opening) error {
	dial := w.brake.guard(ctx)
	defer dial.end()
	sent := false
	err := w.c.Connect(dial, func(context.Context) error {
		sent = false
		err := w.connect(ctx, dial, func(_ context.Context, conn *pgx.Conn) error {
			err := open(ctx, conn)
			sent = conn.IsClosed()
			return err
		})
		if _, refused := errors.AsType[*unbegun](err); err == nil || refused || dial.Err() != nil {
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
func (w *work) connect(ctx context.Context, dial *wait, open opening) error {
	pooled, err := w.tryConnect(ctx, dial, w.c.AfterLoss(), open)
	if pooled && err != nil && dial.Err() == nil && retryable.ReasonOf(w.mark(err, retryable.Connect)).Lost() {
		_, err = w.tryConnect(ctx, dial, true, open)
	}
	return err
}

// tryConnect reports with its error whether that came from a connection the pool had
// given out, and that is lost now. dial is for the wait: what is sent runs under ctx,
// since its rows are read later.
func (w *work) tryConnect(ctx context.Context, dial *wait, checked bool, open opening) (pooled bool, err error) {
	var conn *pgxpool.Conn
	if !checked {
		w.rest = w.db.resting.take()
	}
	if w.rest != nil {
		conn = w.rest.conn
	} else if conn, err = w.acquire(dial, checked); err != nil {
		return false, err
	}
	w.db.born(conn.Conn())
	w.brake.hold(conn.Conn().PgConn().Conn())
	err = open(ctx, conn.Conn())
	if err != nil {
		closed := conn.Conn().IsClosed()
		if Unusable(w.fault(err, retryable.Connect)) { // a standby refused to begin
			closeConn(ctx, conn.Conn())
		}
		_, refused := errors.AsType[*unbegun](err)
		if !refused && retryable.ReasonOf(w.mark(err, retryable.Connect)) == retryable.Failover {
			w.db.failedOver(conn.Conn())
		}
		w.brake.ease(true)
		if w.rest != nil && !conn.Conn().IsClosed() {
			go w.rest.finish()
		} else {
			conn.Release()
		}
		w.rest = nil
		return closed && !refused, err
	}
	if w.rest != nil {
		w.rest.end = ""
	}
	w.conn, w.pid, w.began = conn, conn.Conn().PgConn().PID(), time.Now()
	return true, nil
}
