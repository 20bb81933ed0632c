package pgadapter

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/retryable"
)

// acquire takes a connection from the pool, waiting no longer than the policy
// allows. Where asked to, it makes sure that the connection is alive: those that died
// with another one must not cost a replay each.
func (w *work) acquire(ctx *wait, checked bool) (*pgxpool.Conn, error) {
	limit := w.c.Policy().AcquireTimeout
	short, cancel := ctx.within(limit)
	defer cancel()
	w.c.Dialing(cancel)
	defer w.c.Dialed()
	for dead := int32(0); ; dead++ {
		conn, err := w.db.pool.Acquire(short)
		if err == nil && checked {
			if err = conn.Ping(short); err != nil {
				closeConn(ctx, conn.Conn())
				conn.Release()
				if short.Err() == nil && dead < w.db.maxConns {
					continue // else it was a new one: the database is down behind a pooler
				}
			}
		}
		if err != nil && short.Err() != nil && ctx.Err() == nil {
			err = w.waited(limit, err)
		}
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// waited returns what to say of a pool that gave no connection within limit: that there
// was none to be made, or none to be had.
func (w *work) waited(limit time.Duration, err error) error {
	stat := w.db.pool.Stat()
	err = fmt.Errorf("pgadapter: no connection within %v (%d of %d in use): %w",
		limit, stat.AcquiredConns(), stat.MaxConns(), err)
	if stat.ConstructingConns() > 0 {
		return &retryable.Error{Reason: retryable.Disconnected, Err: err}
	}
	return err
}

// closeConn closes a connection without waiting for the server.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_ = conn.Close(ctx)
}
