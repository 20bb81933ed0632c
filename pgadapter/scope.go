package pgadapter

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/txctx"
)

// scope is the pgx.Tx that handlers hold: the transaction of their attempt, or,
// inside a savepoint, that.
type scope struct {
	w      *work
	sp     pgx.Tx // of the savepoint; nil for the transaction itself
	closed bool   // the savepoint has ended
}

var _ pgx.Tx = (*scope)(nil)

// inner is what pgx's connections and transactions have in common.
type inner interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error)
	Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error)
}

// inner returns what runs statements. Call it when the transaction has begun.
func (s *scope) inner() inner {
	if s.sp != nil {
		return s.sp
	}
	return s.w.conn.Conn()
}

// tx returns pgx's transaction. Call it when that has begun.
func (s *scope) tx() pgx.Tx {
	if s.sp != nil {
		return s.sp
	}
	if s.w.tx == nil {
		s.w.tx = s.w.mode.txOn(s.w)
	}
	return s.w.tx
}

// Commit answers ErrManaged and changes nothing.
func (s *scope) Commit(context.Context) error { return txctx.ErrManaged }

// Rollback answers ErrManaged and changes nothing.
func (s *scope) Rollback(context.Context) error { return txctx.ErrManaged }

// Begin makes a savepoint.
func (s *scope) Begin(ctx context.Context) (_ pgx.Tx, err error) {
	if err := s.w.enter(ctx, "savepoint"); err != nil {
		return nil, err
	}
	defer func() { err = s.w.leave(ctx, err) }()
	mark := s.w.c.HookMark()
	nested, err := s.tx().Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &savepoint{scope: scope{w: s.w, sp: nested}, hooks: mark}, nil
}

// Exec runs a statement.
func (s *scope) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	if err := s.w.admit(ctx, sql); err != nil {
		return tag, err
	}
	defer func() { err = s.w.leave(ctx, err) }()
	st := s.w.db.statement(sql, args)
	f, err := s.flushOf(ctx, st)
	switch {
	case err != nil:
		return tag, err
	case f == nil:
		return s.inner().Exec(ctx, sql, args...)
	case st.isText():
		return f.execText(ctx)
	}
	return f.exec(ctx)
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
	if err := s.w.admit(ctx, sql); err != nil {
		return nil, err
	}
	defer func() {
		err = s.w.leave(ctx, err)
		if err != nil && r != nil {
			r.fail(err)
		}
	}()
	f, err := s.flushOf(ctx, s.w.db.statement(sql, args))
	if err != nil {
		return nil, err
	}
	r = &rows{w: s.w, ctx: ctx, flush: f, whole: true}
	if f == nil {
		r.Rows, err = s.inner().Query(ctx, sql, args...)
	} else {
		r.Rows, err = f.query(ctx)
	}
	switch {
	case err == nil:
		s.w.open = r
	case r.Rows == nil:
		return nil, err
	}
	return r, err
}

// CopyFrom copies rows into a table.
func (s *scope) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (n int64, err error) {
	if err := s.w.admit(ctx, "copy"); err != nil {
		return 0, err
	}
	defer func() { err = s.w.leave(ctx, err) }()
	if err := s.w.ready(ctx, true); err != nil {
		return 0, err
	}
	return s.inner().CopyFrom(ctx, table, columns, src)
}

// Prepare prepares a statement on the connection of this attempt.
func (s *scope) Prepare(ctx context.Context, name, sql string) (sd *pgconn.StatementDescription, err error) {
	if err := s.w.lock(); err != nil {
		return nil, err
	}
	if err := s.w.begun(ctx); err != nil {
		return nil, err
	}
	defer func() { err = s.w.leave(ctx, err) }()
	return s.inner().Prepare(ctx, name, sql)
}

// SendBatch sends a batch. The connection is busy until its results are closed.
func (s *scope) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if pgx.FailedBatchResults(b, errBatchBegins).Tx() != nil {
		return pgx.FailedBatchResults(b, errBatchBegins)
	}
	text := "batch"
	if len(b.QueuedQueries) > 0 {
		text = b.QueuedQueries[0].SQL
	}
	if err := s.w.admit(ctx, text); err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	defer s.w.mu.Unlock() // errors come with the results
	callbacks := takeCallbacks(b)
	f, err := s.flushOfBatch(ctx, b)
	if err == nil && f != nil {
		err = f.send(ctx)
	}
	if err != nil {
		return pgx.FailedBatchResults(b, s.w.judge(ctx, err))
	}
	br := &batch{w: s.w, ctx: ctx, callbacks: callbacks, flush: f}
	if f == nil {
		br.BatchResults = s.inner().SendBatch(ctx, b)
	} else {
		br.BatchResults = f.br
	}
	s.w.open = br
	return br
}

// errBatchBegins is what pgx says, too.
var errBatchBegins = errors.New("pgadapter: Batch.BeginTx cannot be used within a transaction")

// LargeObjects returns pgx's large objects on this transaction. What they do
// passes the adapter by: see the package comment.
func (s *scope) LargeObjects() pgx.LargeObjects {
	if err := s.open(); err != nil {
		return deadLargeObjects()
	}
	defer s.w.mu.Unlock()
	return s.tx().LargeObjects()
}

// Conn returns the connection of the transaction, nil if it cannot begin. What is
// done through it passes the adapter by: see the package comment. It must not be
// used after the attempt.
func (s *scope) Conn() *pgx.Conn {
	if err := s.open(); err != nil {
		return nil
	}
	defer s.w.mu.Unlock()
	return s.w.conn.Conn()
}

// open begins the transaction for what passes by, and may write. Where it returns no
// error, it holds the connection.
func (s *scope) open() error {
	if err := s.w.lock(); err != nil {
		return err
	}
	s.w.beyond = true
	if s.w.conn != nil && !s.w.asking() {
		return nil
	}
	err := s.w.ready(s.w.ctx, true)
	if err != nil {
		return s.w.leave(s.w.ctx, err)
	}
	return nil
}

// deadLargeObjects returns large objects that answer pgx.ErrTxClosed: they can
// carry no error of their own, and only pgx can make them.
func deadLargeObjects() pgx.LargeObjects {
	var b pgx.Batch
	b.BeginTx(pgx.TxOptions{})
	return pgx.FailedBatchResults(&b, pgx.ErrTxClosed).Tx().LargeObjects()
}
