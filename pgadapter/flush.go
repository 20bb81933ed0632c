package pgadapter

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// flush is one message to the server with the handler's statements in the middle: BEGIN
// before them where they are the first, and after them the question for the
// transaction's trace where it is wanted. What needs neither is not sent by a flush.
type flush struct {
	w      *work
	begins bool
	asks   bool
	one    statement          // with no text in a batch
	batch  []*pgx.QueuedQuery // the handler's
	spy    *spy               // nil in a batch
	br     pgx.BatchResults
	before int             // results that are not the handler's
	shift  int             // by which positions in the handler's text are off
	placed *pgconn.PgError // whose position was put right

	// What is sent: the end of a plain read, BEGIN, the statement, and the question.
	sent    pgx.Batch
	queries [4]pgx.QueuedQuery
	list    [4]*pgx.QueuedQuery
}

// flushOf returns the flush for a statement, nil where it is sent by itself: then the
// transaction has begun, and its trace is known or not wanted.
func (s *scope) flushOf(ctx context.Context, st statement) (*flush, error) {
	w := s.w
	w.noteRead(&st)
	begins, asks := w.conn == nil, w.asksWith(&st)
	switch {
	case s.closed, !begins && !asks:
		return nil, nil
	case !w.db.fits(&st), begins && w.db.alone(&st):
		return nil, w.ready(ctx, asks)
	}
	return &flush{w: w, begins: begins, asks: asks, one: st}, nil
}

// flushOfBatch is flushOf for a batch.
func (s *scope) flushOfBatch(ctx context.Context, b *pgx.Batch) (*flush, error) {
	w := s.w
	f := &flush{w: w, begins: w.conn == nil, batch: b.QueuedQueries}
	alone := len(f.batch) == 0
	for _, q := range f.batch {
		st := w.db.statement(q.SQL, q.Arguments)
		w.noteRead(&st)
		asks := w.asksWith(&st)
		f.asks = f.asks || asks
		alone = alone || f.begins && w.db.alone(&st)
	}
	switch {
	case s.closed, !f.begins && !f.asks:
		return nil, nil
	case alone:
		return nil, w.ready(ctx, f.asks)
	}
	return f, nil
}

// send sends the flush, up to the handler's first result.
func (f *flush) send(ctx context.Context) error {
	if f.begins {
		return f.w.begin(ctx, f.open)
	}
	f.queue(ctx, f.w.conn.Conn())
	return nil
}

// exec is for a statement whose rows nobody wants.
func (f *flush) exec(ctx context.Context) (pgconn.CommandTag, error) {
	if err := f.send(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := f.br.Exec()
	err = f.end(err)
	f.spy.end(tag, err)
	return tag, err
}

// query is for one whose rows are read later: then whoever has closed them calls end.
func (f *flush) query(ctx context.Context) (pgx.Rows, error) {
	if err := f.send(ctx); err != nil {
		return nil, err
	}
	rows, err := f.br.Query()
	if err != nil {
		err = f.end(err)
		f.spy.end(pgconn.CommandTag{}, err)
	}
	return rows, err
}

// open is f as an opening.
func (f *flush) open(ctx context.Context, conn *pgx.Conn) error {
	if err := f.w.probe(ctx, conn); err != nil {
		return err
	}
	f.queue(ctx, conn)
	var err error
	for i := 0; i < f.before && err == nil; i++ {
		_, err = f.br.Exec()
	}
	if err == nil {
		f.w.joined = true
		return nil
	}
	_ = f.br.Close()
	if f.asks && ofTrace(err) && !conn.IsClosed() { // behind a pooler, another server than the one that was probed
		f.w.db.untraceable.Store(true)
		f.spy.end(pgconn.CommandTag{}, err)
		return f.open(ctx, conn)
	}
	err = f.refusal(conn, err)
	f.spy.end(pgconn.CommandTag{}, err)
	return err
}

// ofTrace reports whether the server did not understand the question.
func ofTrace(err error) bool {
	pre, ok := errors.AsType[pgx.ErrPreprocessingBatch](err)
	return ok && (pre.SQL() == traceQuery || pre.SQL() == pooledQuery) && serverError(err) != nil
}

func (f *flush) queue(ctx context.Context, conn *pgx.Conn) {
	f.sent.QueuedQueries, f.before, f.shift = f.list[:0], 0, 0
	if f.begins {
		end, begin := f.w.opening(conn)
		if end != "" {
			f.addBefore(end)
		}
		f.addBefore(begin)
	}
	if f.batch == nil {
		ctx, f.spy = f.w.db.spyOn(ctx, conn, f.one.sql, f.one.args)
		f.add(f.one.sql, f.one.args)
	}
	for _, q := range f.batch { // anew: pgx keeps in them what belongs to the connection
		f.sent.Queue(q.SQL, q.Arguments...)
	}
	f.asks = f.asks && traceable(conn) && !f.w.db.untraceable.Load()
	switch {
	case f.asks && f.batch == nil:
		f.add(questionOf(conn), nil)
	case f.asks:
		f.sent.Queue(questionOf(conn))
	}
	f.br = conn.SendBatch(ctx, &f.sent)
}

// addBefore adds what is not the handler's, and comes before that.
func (f *flush) addBefore(sql string) {
	f.add(sql, nil)
	f.before++
	if f.w.db.execMode == pgx.QueryExecModeSimpleProtocol {
		f.shift += len(sql) + len("\n;")
	}
}

// add adds one of at most four.
func (f *flush) add(sql string, args []any) {
	n := len(f.sent.QueuedQueries)
	f.queries[n] = pgx.QueuedQuery{SQL: sql, Arguments: args}
	f.sent.QueuedQueries = append(f.sent.QueuedQueries, &f.queries[n])
}

// refusal tells from each other why BEGIN was not answered by success.
func (f *flush) refusal(conn *pgx.Conn, err error) error {
	pre, early := errors.AsType[pgx.ErrPreprocessingBatch](err)
	switch e := serverError(err); {
	case early && e != nil && !fatal(e):
		return &unbegun{err: f.fix(err), server: true}
	case e != nil && f.shift > 0 && int(e.Position) > f.shift:
		return &unbegun{err: f.fix(err), server: true} // not a word of the message was run
	case e != nil:
	case early && strings.HasPrefix(err.Error(), "error preprocessing batch (build)"):
		// With BEGIN in its buffers, pgx has given up the connection: not again.
		f.lonely(pre.SQL()).Store(true)
		return &unbegun{err: f.fix(err)}
	case !conn.IsClosed():
		return &unbegun{err: f.fix(err)} // pgx sent nothing
	}
	return f.fix(err)
}

// lonely returns the mark of the statement that pgx sent as sql, which a rewriter may have
// made of it.
func (f *flush) lonely(sql string) *atomic.Bool {
	for i, q := range f.batch {
		if f.sent.QueuedQueries[f.before+i].SQL == sql {
			return &f.w.db.texts.Of(q.SQL).lonely
		}
	}
	return &f.one.lonely
}

// fix puts into err what it would be if the statement had been sent by itself.
func (f *flush) fix(err error) error {
	if pre, ok := errors.AsType[pgx.ErrPreprocessingBatch](err); ok && pre.Unwrap() != nil {
		err = pre.Unwrap()
	}
	if f.shift > 0 {
		if e := serverError(err); e != nil && e != f.placed && int(e.Position) > f.shift {
			e.Position -= int32(f.shift)
			f.placed = e
		}
	}
	return err
}

// end reads what comes after the handler's results, and with it the transaction's status.
// err is that of the results.
func (f *flush) end(err error) error {
	switch {
	case err == nil && f.asks:
		err = f.readTrace()
	case ofTrace(err):
		err = f.w.traceFailed(f.fix(err))
	default:
		err = f.fix(err)
	}
	closeErr := f.br.Close()
	f.w.joined = false
	if err == nil {
		err = f.fix(closeErr)
	}
	return err
}

// readTrace reads the answer to the question. Its rows are not closed, but left to the
// flush: closing them would tell a tracer of a query's end that never saw it begin.
func (f *flush) readTrace() error {
	for {
		rows, err := f.br.Query()
		switch {
		case err != nil:
			return f.w.traceFailed(f.fix(err))
		case len(rows.FieldDescriptions()) == 0 || rows.FieldDescriptions()[0].Name != traceColumn:
			rows.Close() // of a text with several statements
		case rows.Next():
			f.w.trace.learn(rows.RawValues())
			return nil
		default:
			return f.w.traceFailed(f.fix(rows.Err()))
		}
	}
}
