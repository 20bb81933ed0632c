package pgadapter

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/txctx"
)

// scope is the pgx.Tx that handlers hold: the transaction of their attempt, or,
// inside a savepoint, that.
type scope struct {
	w  *work
	sp pgx.Tx // of the savepoint; nil for the transaction itself
}

var _ pgx.Tx = (*scope)(nil)

// inner returns pgx's transaction. Call it after enter.
func (s *scope) inner() pgx.Tx {
	if s.sp != nil {
		return s.sp
	}
	return s.w.inner
}

// Commit answers ErrManaged and changes nothing.
func (s *scope) Commit(context.Context) error { return txctx.ErrManaged }

// Rollback answers ErrManaged and changes nothing.
func (s *scope) Rollback(context.Context) error { return txctx.ErrManaged }

// Begin makes a savepoint.
func (s *scope) Begin(ctx context.Context) (_ pgx.Tx, err error) {
	if err := s.w.enter(ctx); err != nil {
		return nil, err
	}
	defer func() { err = s.w.leave(ctx, err) }()
	mark := s.w.c.HookMark()
	nested, err := s.inner().Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &savepoint{scope: scope{w: s.w, sp: nested}, hooks: mark}, nil
}

// Exec runs a statement.
func (s *scope) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	if err := s.w.enter(ctx); err != nil {
		return tag, err
	}
	defer func() { err = s.w.leave(ctx, err) }()
	return s.inner().Exec(ctx, sql, args...)
}

// Query runs a query. The connection is busy until its rows are closed.
func (s *scope) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	r, err := s.query(ctx, sql, args)
	if err != nil && r == nil {
		return failedRows{err}, err
	}
	return r, err
}

// QueryRow runs a query for one row. Its error appears at Scan.
func (s *scope) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	r, err := s.query(ctx, sql, args)
	if err != nil && r == nil {
		return failedRows{err}
	}
	return row{r}
}

func (s *scope) query(ctx context.Context, sql string, args []any) (r *rows, err error) {
	if err := s.w.enter(ctx); err != nil {
		return nil, err
	}
	defer func() {
		err = s.w.leave(ctx, err)
		if err != nil && r != nil {
			r.fail(err)
		}
	}()
	inner, err := s.inner().Query(ctx, sql, args...)
	r = &rows{Rows: inner, w: s.w, ctx: ctx}
	if err == nil {
		s.w.open = r
	}
	return r, err
}

// CopyFrom copies rows into a table.
func (s *scope) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (n int64, err error) {
	if err := s.w.enter(ctx); err != nil {
		return 0, err
	}
	defer func() { err = s.w.leave(ctx, err) }()
	return s.inner().CopyFrom(ctx, table, columns, src)
}

// Prepare prepares a statement on the connection of this attempt.
func (s *scope) Prepare(ctx context.Context, name, sql string) (sd *pgconn.StatementDescription, err error) {
	if err := s.w.enter(ctx); err != nil {
		return nil, err
	}
	defer func() { err = s.w.leave(ctx, err) }()
	return s.inner().Prepare(ctx, name, sql)
}

// SendBatch sends a batch. The connection is busy until its results are closed.
func (s *scope) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if err := s.w.enter(ctx); err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	defer s.w.mu.Unlock() // errors come with the results
	br := &batch{w: s.w, ctx: ctx, callbacks: takeCallbacks(b)}
	br.BatchResults = s.inner().SendBatch(ctx, b)
	s.w.open = br
	return br
}

// LargeObjects returns pgx's large objects on this transaction. What they do
// passes the adapter by: see the package comment.
func (s *scope) LargeObjects() pgx.LargeObjects {
	if err := s.w.enter(s.w.ctx); err != nil {
		return deadLargeObjects()
	}
	defer s.w.mu.Unlock()
	return s.inner().LargeObjects()
}

// Conn returns the connection of the transaction, nil if it cannot begin. What is
// done through it passes the adapter by: see the package comment. It must not be
// used after the attempt.
func (s *scope) Conn() *pgx.Conn {
	if err := s.w.enter(s.w.ctx); err != nil {
		return nil
	}
	defer s.w.mu.Unlock()
	return s.inner().Conn()
}

// deadLargeObjects returns large objects that answer pgx.ErrTxClosed: they can
// carry no error of their own, and only pgx can make them.
func deadLargeObjects() pgx.LargeObjects {
	var b pgx.Batch
	b.BeginTx(pgx.TxOptions{})
	return pgx.FailedBatchResults(&b, pgx.ErrTxClosed).Tx().LargeObjects()
}
