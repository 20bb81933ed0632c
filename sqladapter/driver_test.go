package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*Tx).awaitDone"))
}

// server is a driver for tests: it logs what reaches it and answers by script.
type server struct {
	mu    sync.Mutex
	log   []string
	fail  map[string][]error // for each call, in order
	valid bool               // connections have a Validator
	slow  int                // that many times BEGIN succeeds when its context has ended

	answer map[string][]string // of queries: one row instead of three, "" for none; the last one stays
	bare   bool                // connections have nothing optional

	contextTx bool   // transactions are sqladapter.ContextTx
	silent    string // the call that gets no answer, until its context ends
}

// patience ends what should have been ended by a context.
const patience = 10 * time.Second

// wait is a call under a context.
func (s *server) wait(ctx context.Context, what string) error {
	err := s.call(what)
	s.mu.Lock()
	silent := s.silent
	if what == silent {
		s.silent = ""
	}
	s.mu.Unlock()
	if what != silent {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(patience):
		return s.call(what + ": held for ever")
	}
}

// runID is a run's id as a literal.
var runID = regexp.MustCompile(`x'[0-9a-f]{32}'`)

func (s *server) call(what string) error {
	what = runID.ReplaceAllString(what, "id")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, what)
	if errs := s.fail[what]; len(errs) > 0 {
		s.fail[what] = errs[1:]
		return errs[0]
	}
	return nil
}

func (s *server) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.log...)
}

func (s *server) Connect(context.Context) (driver.Conn, error) {
	if err := s.call("connect"); err != nil {
		return nil, err
	}
	c := &fakeConn{s: s, began: context.Background()}
	switch {
	case s.valid:
		return &fakeValidConn{c}, nil
	case s.bare:
		return struct{ driver.Conn }{c}, nil
	}
	return c, nil
}
func (s *server) Driver() driver.Driver            { return s }
func (s *server) Open(string) (driver.Conn, error) { return s.Connect(context.Background()) }

type fakeConn struct {
	s     *server
	began context.Context // as of BeginTx: drivers commit under it, if under any
}

// fakeTx is a sqladapter.ContextTx.
type fakeTx struct{ *fakeConn }

func (tx fakeTx) CommitContext(ctx context.Context) error   { return tx.s.wait(ctx, "commit") }
func (tx fakeTx) RollbackContext(ctx context.Context) error { return tx.s.wait(ctx, "rollback") }
func (tx fakeTx) Commit() error                             { return tx.s.call("commit without a context") }
func (tx fakeTx) Rollback() error                           { return tx.s.call("rollback without a context") }

type fakeValidConn struct{ *fakeConn }

func (c *fakeValidConn) IsValid() bool { return c.s.call("valid") == nil }

func (c *fakeConn) Prepare(q string) (driver.Stmt, error) {
	if err := c.s.call("prepare " + q); err != nil {
		return nil, err
	}
	return &fakeStmt{c.s, q}, nil
}
func (c *fakeConn) Close() error { return c.s.call("close") }
func (c *fakeConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}
func (c *fakeConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if c.s.slow > 0 {
		c.s.slow--
		<-ctx.Done()
	}
	c.began = ctx
	var tx driver.Tx = c
	if c.s.contextTx {
		tx = fakeTx{c}
	}
	if o.ReadOnly {
		return tx, c.s.call("begin read only")
	}
	return tx, c.s.call("begin")
}
func (c *fakeConn) Commit() error              { return c.s.wait(c.began, "commit") }
func (c *fakeConn) Rollback() error            { return c.s.wait(c.began, "rollback") }
func (c *fakeConn) Ping(context.Context) error { return c.s.call("ping") }
func (c *fakeConn) ExecContext(_ context.Context, q string, _ []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, c.s.call(q)
}
func (c *fakeConn) QueryContext(ctx context.Context, q string, _ []driver.NamedValue) (driver.Rows, error) {
	if err := c.s.call(q); err != nil {
		return nil, err
	}
	return c.s.rows(ctx, q), nil
}

type fakeStmt struct {
	s *server
	q string
}

func (st *fakeStmt) Close() error  { return nil }
func (st *fakeStmt) NumInput() int { return -1 }
func (st *fakeStmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.ResultNoRows, st.s.call("stmt " + st.q)
}
func (st *fakeStmt) Query([]driver.Value) (driver.Rows, error) {
	if err := st.s.call("stmt " + st.q); err != nil {
		return nil, err
	}
	return st.s.rows(nil, st.q), nil //nolint:staticcheck // there is none
}

// rows answers a query.
func (s *server) rows(ctx context.Context, q string) driver.Rows {
	q = runID.ReplaceAllString(q, "id")
	s.mu.Lock()
	defer s.mu.Unlock()
	if answers, ok := s.answer[q]; ok {
		if len(answers) > 1 {
			s.answer[q] = answers[1:]
		}
		return &oneRow{value: answers[0], ended: answers[0] == ""}
	}
	return &fakeRows{s: s, ctx: ctx}
}

// oneRow is a row, or none.
type oneRow struct {
	value string
	ended bool
}

func (r *oneRow) Columns() []string { return []string{"n"} }
func (r *oneRow) Close() error      { return nil }
func (r *oneRow) Next(dest []driver.Value) error {
	if r.ended {
		return io.EOF
	}
	r.ended, dest[0] = true, []byte(r.value)
	return nil
}

// fakeRows are three rows of one column.
type fakeRows struct {
	s   *server
	ctx context.Context
	n   int
}

func (r *fakeRows) Columns() []string { return []string{"n"} }
func (r *fakeRows) Close() error {
	if r.ctx == nil {
		return r.s.call("rows closed")
	}
	if r.ctx.Err() != nil { // real drivers give up the connection
		return r.s.call("rows cut off")
	}
	return r.s.wait(r.ctx, "rows closed")
}
func (r *fakeRows) Next(dest []driver.Value) error {
	if r.n == 3 {
		return io.EOF
	}
	r.n++
	dest[0] = int64(r.n)
	return r.s.call("row")
}

var errPlain = errors.New("plain")

// classify knows fakedb's faults by their reason, and losses.
func classify(f retryable.Fault) retryable.Reason {
	if r := retryable.ReasonOf(f.Err); r != retryable.None {
		return r
	}
	if errors.Is(f.Err, driver.ErrBadConn) || errors.Is(f.Err, io.ErrUnexpectedEOF) {
		if f.Phase == retryable.Commit {
			return retryable.CommitUnknown
		}
		return retryable.Disconnected
	}
	return retryable.None
}

func newDB(t *testing.T, s *server) *sqladapter.DB {
	t.Helper()
	db := sqladapter.New(s, sqladapter.Config{Classify: classify})
	db.SQL().SetMaxOpenConns(1)
	t.Cleanup(func() {
		if n := db.SQL().Stats().InUse; n != 0 {
			t.Errorf("%d connections in use", n)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// run calls Run and returns how often fn ran.
func run(db *sqladapter.DB, o txctx.Options, fn func(ctx context.Context) error) (runs int, err error) {
	err = txctx.Run(context.Background(), db, o, func(ctx context.Context) error {
		runs++
		return fn(ctx)
	})
	return runs, err
}

func exec(ctx context.Context, q string) error {
	_, err := sqladapter.Tx(ctx).ExecContext(ctx, q)
	return err
}

var conflict = fakedb.Fault(retryable.Deadlock)

func wantCalls(t *testing.T, s *server, want ...string) {
	t.Helper()
	got := slices.DeleteFunc(s.calls(), func(c string) bool { return c == "connect" || c == "close" || c == "valid" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls of the driver (-want +got):\n%s", diff)
	}
}
