package sqladapter_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func wantCalls(t *testing.T, s *server, want ...string) {
	t.Helper()
	got := slices.DeleteFunc(s.calls(), func(c string) bool { return c == "connect" || c == "close" || c == "valid" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls of the driver (-want +got):\n%s", diff)
	}
}

func TestATransactionIsCommitted(t *testing.T) {
	s := &server{}
	runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
		return errors.Join(exec(ctx, "a"), exec(ctx, "b"))
	})
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	wantCalls(t, s, "begin", "a", "b", "commit")
}

// Mutation: begin in Begin.
func TestRule18_WithoutTxNothingIsBegun(t *testing.T) {
	s := &server{}
	if _, err := run(newDB(t, s), txctx.Options{}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := s.calls(); len(got) != 0 {
		t.Errorf("calls %v", got)
	}
}

// TestRule18_ATransactionThatCannotBegin is a transaction all the same.
//
// Mutation: return nil from get.
func TestRule18_ATransactionThatCannotBegin(t *testing.T) {
	lost := io.ErrUnexpectedEOF
	s := &server{fail: map[string][]error{"connect": {lost, lost}}}
	runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
		err := exec(ctx, "a")
		if txctx.AttemptOf(ctx).Number == 1 && retryable.ReasonOf(err) != retryable.Disconnected {
			t.Errorf("the statement answers %v", err)
		}
		return nil // swallowed
	})
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	wantCalls(t, s, "ping", "begin", "a", "commit")
}

// TestRule14_ABeginThatComesTooLateIsNoTransaction: database/sql rolls it back behind
// our back. A handler that looks away must not get a 200 for it.
//
// Mutation: take the transaction all the same.
func TestRule14_ABeginThatComesTooLateIsNoTransaction(t *testing.T) {
	s := &server{slow: 1}
	o := txctx.Options{Retry: retryable.Policy{AcquireTimeout: 10 * time.Millisecond}}
	runs, err := run(newDB(t, s), o, func(ctx context.Context) error {
		_ = exec(ctx, "a") // swallowed
		return nil
	})
	if runs != 2 || err != nil || !slices.Contains(s.calls(), "commit") {
		t.Errorf("ran %d times, error %v, calls %v", runs, err, s.calls())
	}
}

// A connection that died in the pool costs no attempt.
//
// Mutation: connect only once.
func TestRule10_ADeadPooledConnectionCostsNoAttempt(t *testing.T) {
	s := &server{fail: map[string][]error{"begin": {io.ErrUnexpectedEOF}}}
	runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error { return exec(ctx, "a") })
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// Every way in which an error can come, and nobody looks.
//
// Mutations: return the driver's rows; do not judge Close.
func TestRule01_EverySwallowedErrorDooms(t *testing.T) {
	rows := func(ctx context.Context) *sql.Rows {
		rows, err := sqladapter.Tx(ctx).QueryContext(ctx, "q")
		if err != nil {
			return nil
		}
		return rows
	}
	for name, tt := range map[string]struct {
		call string
		errs []error
		meet func(ctx context.Context)
	}{
		"Exec":  {"x", []error{conflict}, func(ctx context.Context) { _ = exec(ctx, "x") }},
		"Query": {"q", []error{conflict}, func(ctx context.Context) { rows(ctx) }},
		"a row": {"row", []error{nil, conflict}, func(ctx context.Context) {
			r := rows(ctx)
			for r.Next() {
			}
		}},
		"closing rows":      {"rows closed", []error{conflict}, func(ctx context.Context) { rows(ctx).Close() }},
		"rows never closed": {"rows closed", []error{conflict}, func(ctx context.Context) { rows(ctx).Next() }},
		"QueryRow": {"row", []error{conflict}, func(ctx context.Context) {
			_ = sqladapter.Tx(ctx).QueryRowContext(ctx, "q").Scan(new(int))
		}},
		"Prepare": {"prepare p", []error{conflict}, func(ctx context.Context) { _, _ = sqladapter.Tx(ctx).PrepareContext(ctx, "p") }},
		"a prepared statement": {"stmt p", []error{conflict}, func(ctx context.Context) {
			st, _ := sqladapter.Tx(ctx).PrepareContext(ctx, "p")
			defer st.Close()
			_, _ = st.ExecContext(ctx)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{fail: map[string][]error{tt.call: tt.errs}}
			runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
				if txctx.AttemptOf(ctx).Number > 1 {
					return nil
				}
				if err := exec(ctx, "a"); err != nil {
					return err
				}
				tt.meet(ctx)
				before := len(s.calls())
				if err := exec(ctx, "b"); name != "rows never closed" && (!errors.Is(err, conflict) || len(s.calls()) != before) {
					t.Errorf("the next statement: %v", err)
				}
				return nil
			})
			if runs != 2 || err != nil || slices.Contains(s.calls(), "commit") {
				t.Errorf("ran %d times, error %v, calls %v", runs, err, s.calls())
			}
		})
	}
}

// database/sql runs a prepared statement three times that fails with ErrBadConn,
// also inside a transaction.
//
// Mutation: let hide return its argument.
func TestAPreparedStatementIsNotRunTwice(t *testing.T) {
	s := &server{fail: map[string][]error{"stmt p": {driver.ErrBadConn, driver.ErrBadConn, driver.ErrBadConn}}}
	_, err := run(newDB(t, s), txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}, func(ctx context.Context) error {
		st, err := sqladapter.Tx(ctx).PrepareContext(ctx, "p")
		if err != nil {
			return err
		}
		defer st.Close()
		_, err = st.ExecContext(ctx)
		if retryable.ReasonOf(err) != retryable.Disconnected || errors.Is(err, driver.ErrBadConn) {
			t.Errorf("the statement answers %v", err)
		}
		return err
	})
	if _, ok := errors.AsType[*retryable.ExhaustedError](err); !ok {
		t.Errorf("Run: %v", err)
	}
	n := 0
	for _, c := range s.calls() {
		if c == "stmt p" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the statement ran %d times", n)
	}
}

// Mutation: let the driver commit.
func TestRule20_AHandlersOwnEndFailsTheRequest(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context) error{
		"Commit":   func(ctx context.Context) error { return sqladapter.Tx(ctx).Commit() },
		"Rollback": func(ctx context.Context) error { return sqladapter.Tx(ctx).Rollback() },
		"COMMIT":   func(ctx context.Context) error { return exec(ctx, "commit") },
		"ROLLBACK": func(ctx context.Context) error { return exec(ctx, "/* x */ ROLLBACK") },
		"BEGIN":    func(ctx context.Context) error { return exec(ctx, "begin") },
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{}
			runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
				if err := exec(ctx, "a"); err != nil {
					return err
				}
				if err := end(ctx); !errors.Is(err, txctx.ErrManaged) {
					t.Errorf("%v", err)
				}
				return nil
			})
			if runs != 1 || !errors.Is(err, txctx.ErrManaged) {
				t.Errorf("ran %d times, error %v", runs, err)
			}
			wantCalls(t, s, "begin", "a", "rollback")
		})
	}
}

func TestRule15_OutcomesOfCommit(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		runs int
		want func(error) bool
	}{
		"a conflict":    {conflict, 2, func(err error) bool { return err == nil }},
		"refused":       {errPlain, 1, func(err error) bool { return errors.Is(err, errPlain) }},
		"lost":          {io.ErrUnexpectedEOF, 1, unknown},
		"driver's hint": {driver.ErrBadConn, 1, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{fail: map[string][]error{"commit": {tt.err}}}
			runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error { return exec(ctx, "a") })
			if runs != tt.runs || !tt.want(err) {
				t.Errorf("ran %d times, error %v", runs, err)
			}
		})
	}
}

func unknown(err error) bool {
	_, ok := errors.AsType[*txctx.OutcomeUnknownError](err)
	return ok
}

// A connection known dead is not committed.
func TestRule15_AnInvalidConnectionIsNotCommitted(t *testing.T) {
	s := &server{valid: true}
	runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
		err := exec(ctx, "a")
		if txctx.AttemptOf(ctx).Number == 1 {
			s.mu.Lock()
			s.fail = map[string][]error{"valid": {driver.ErrBadConn}}
			s.mu.Unlock()
		}
		return err
	})
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

func TestReadOnly(t *testing.T) {
	s := &server{}
	if _, err := run(newDB(t, s), txctx.Options{ReadOnly: true}, func(ctx context.Context) error { return exec(ctx, "a") }); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, s, "begin read only", "a", "commit")
}

// Rule 17, and rule 1's exception for locks.
func TestSavepointsAsText(t *testing.T) {
	s := &server{fail: map[string][]error{"lock": {&retryable.Error{Reason: retryable.LockTimeout, Err: errPlain}}}}
	var hooks []int
	hook := func(ctx context.Context, n int) {
		txctx.AfterCommit(ctx, func(context.Context) { hooks = append(hooks, n) })
	}
	runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
		_ = exec(ctx, "a")
		hook(ctx, 1)
		_ = exec(ctx, "savepoint sp")
		hook(ctx, 2)
		if err := exec(ctx, "lock"); retryable.ReasonOf(err) != retryable.LockTimeout {
			t.Errorf("lock: %v", err)
		}
		if err := exec(ctx, "b"); err == nil {
			t.Error("a statement was let through")
		}
		if err := exec(ctx, "ROLLBACK TO SAVEPOINT sp"); err != nil {
			t.Error(err)
		}
		hook(ctx, 3)
		return exec(ctx, "c")
	})
	if runs != 1 || err != nil || !slices.Equal(hooks, []int{1, 3}) {
		t.Errorf("ran %d times, error %v, hooks %v", runs, err, hooks)
	}
	wantCalls(t, s, "begin", "a", "savepoint sp", "lock", "ROLLBACK TO SAVEPOINT sp", "c", "commit")
}

// Mutation: end the attempt's context before COMMIT.
func TestRowsLeftOpenDoNotLoseTheTransaction(t *testing.T) {
	s := &server{}
	runs, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
		rows, err := sqladapter.Tx(ctx).QueryContext(ctx, "q") //nolint:rowserrcheck,sqlclosecheck // on purpose
		if err == nil {
			rows.Next()
		}
		return err
	})
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	wantCalls(t, s, "begin", "q", "row", "rows closed", "commit")
}

func TestOutsideAnAttempt(t *testing.T) {
	ctx := context.Background()
	if _, ok := sqladapter.From(ctx); ok {
		t.Error("a transaction out of nothing")
	}
	tx := sqladapter.Tx(ctx)
	_, execErr := tx.ExecContext(ctx, "a", struct{}{})
	_, queryErr := tx.QueryContext(ctx, "a") //nolint:sqlclosecheck // it fails
	_, prepareErr := tx.PrepareContext(ctx, "a")
	for _, err := range []error{execErr, queryErr, prepareErr, tx.QueryRowContext(ctx, "a").Scan(new(int))} {
		if !errors.Is(err, txctx.ErrNoTransaction) {
			t.Errorf("%v", err)
		}
	}
}

// TestRule19_AnOldTransactionIsDead for who kept it or asks for it again.
func TestRule19_AnOldTransactionIsDead(t *testing.T) {
	s := &server{}
	var old context.Context
	var tx *sql.Tx
	_, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
		old, tx = ctx, sqladapter.Tx(ctx)
		return exec(ctx, "a")
	})
	if err != nil {
		t.Fatal(err)
	}
	before := len(s.calls())
	if _, err := tx.ExecContext(context.Background(), "b"); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("kept: %v", err)
	}
	if _, err := sqladapter.Tx(old).ExecContext(context.Background(), "b"); !errors.Is(err, txctx.ErrAttemptOver) {
		t.Errorf("asked for again: %v", err)
	}
	if len(s.calls()) != before {
		t.Errorf("calls %v", s.calls()[before:])
	}
}

// TestOutsideOfAttemptsEverythingPassesThrough, and the driver is within reach.
func TestOutsideOfAttemptsEverythingPassesThrough(t *testing.T) {
	s := &server{fail: map[string][]error{"a": {driver.ErrBadConn}}}
	pool := newDB(t, s).SQL()
	ctx := context.Background()
	if _, err := pool.ExecContext(ctx, "a"); err != nil { // database/sql's own second try
		t.Error(err)
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = tx.ExecContext(ctx, "commit")
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	wantCalls(t, s, "a", "a", "begin", "commit", "commit")
	conn, err := pool.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.Raw(func(c any) error {
		_, valid := c.(driver.Validator)
		raw, ok := c.(interface{ Raw() driver.Conn })
		if valid || !ok {
			t.Errorf("%T: a Validator: %v", c, valid)
		} else if _, ok := raw.Raw().(*fakeConn); !ok {
			t.Errorf("Raw is a %T", raw.Raw())
		}
		return nil
	})
	if pool.Driver() != driver.Driver(s) {
		t.Errorf("the driver is a %T", pool.Driver())
	}
}

func TestNewPanics(t *testing.T) {
	for want, f := range map[string]func(){
		"sqladapter: New: connector is nil":       func() { sqladapter.New(nil, sqladapter.Config{}) },
		"sqladapter: New: Config.Classify is nil": func() { sqladapter.New(&server{}, sqladapter.Config{}) },
	} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, want) {
					t.Errorf("panicked with %v, want %q", v, want)
				}
			}()
			f()
		}()
	}
}
