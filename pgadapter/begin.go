package pgadapter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// begin takes a connection and sends BEGIN: the one place where a transaction
// starts. Whatever fails here dooms the attempt, unless it was the caller's own
// context.
func (w *work) begin(ctx context.Context) error {
	dialCtx, stop := context.WithCancel(ctx)
	defer stop()
	w.stopBegin.Store(&stop)
	err := w.c.Connect(dialCtx, func(ctx context.Context) error {
		err := w.connect(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		return w.mark(err, retryable.Connect)
	})
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !isRetry(err) {
		if !errors.Is(context.Cause(ctx), txctx.ErrAttemptTimeout) {
			return err
		}
		err = &retryable.Error{Reason: retryable.Disconnected, Err: err}
	}
	w.c.Doom(err, retryable.Connect)
	return err
}

// connect takes a connection and sends BEGIN. A connection that turns out to have
// died in the pool is no failure of the attempt: nothing has run, so the next one
// is tried, after making sure that it is alive.
func (w *work) connect(ctx context.Context) error {
	pooled, err := w.tryConnect(ctx, w.c.AfterLoss())
	if pooled && err != nil && ctx.Err() == nil && retryable.ReasonOf(w.mark(err, retryable.Connect)).Lost() {
		_, err = w.tryConnect(ctx, true)
	}
	return err
}

// tryConnect reports with its error whether that came from a connection the pool
// had given out.
func (w *work) tryConnect(ctx context.Context, checked bool) (pooled bool, err error) {
	conn, err := w.acquire(ctx, checked)
	if err != nil {
		return false, err
	}
	socket := conn.Conn().PgConn().Conn()
	w.socket.Store(&socket)
	inner, err := conn.BeginTx(ctx, w.txOptions())
	if err != nil {
		closed := conn.Conn().IsClosed()
		if Unusable(w.fault(err, retryable.Connect)) { // a standby refused to begin
			closeConn(ctx, conn.Conn())
		}
		conn.Release()
		return closed, err
	}
	w.conn, w.inner = conn, inner
	w.pid, w.began = conn.Conn().PgConn().PID(), time.Now()
	return true, nil
}

// acquire takes a connection from the pool, waiting no longer than the policy
// allows. Where asked to, it makes sure that the connection is alive: those that
// died with another one must not cost a replay each.
func (w *work) acquire(ctx context.Context, checked bool) (*pgxpool.Conn, error) {
	limit := w.c.Policy().AcquireTimeout
	short, cancel := ctx, context.CancelFunc(func() {})
	if limit != retryable.Forever {
		short, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	for dead := int32(0); ; dead++ {
		conn, err := w.db.pool.Acquire(short)
		if err == nil && checked {
			if err = conn.Ping(short); err != nil {
				closeConn(ctx, conn.Conn())
				conn.Release()
				if short.Err() == nil && dead < w.db.pool.Stat().MaxConns() {
					continue // else it was a new one: the database is down behind a pooler
				}
			}
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
