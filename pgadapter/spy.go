package pgadapter

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// spy tells the pool's tracer of a statement that pgx does not know for one, because it
// went with others. nil tells nobody.
type spy struct {
	db   *DB
	ctx  context.Context
	conn *pgx.Conn
	done bool
}

// spyOn tells the tracer that a statement begins, and returns the context for it.
func (db *DB) spyOn(ctx context.Context, conn *pgx.Conn, sql string, args []any) (context.Context, *spy) {
	if db.tracer == nil {
		return ctx, nil
	}
	ctx = db.tracer.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: sql, Args: args})
	return ctx, &spy{db: db, ctx: ctx, conn: conn}
}

// end tells that it has ended.
func (s *spy) end(tag pgconn.CommandTag, err error) {
	if s == nil || s.done {
		return
	}
	s.done = true
	s.db.tracer.TraceQueryEnd(s.ctx, s.conn, pgx.TraceQueryEndData{CommandTag: tag, Err: err})
}

// toldByPgx is for rows that were closed: for them, pgx tells a tracer that knows no
// batches.
func (s *spy) toldByPgx() {
	if s != nil && !s.db.batchTracer {
		s.done = true
	}
}
