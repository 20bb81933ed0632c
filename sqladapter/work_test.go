package sqladapter_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

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

// TestADeferredErrorDoomsWhenItLeavesTheHandler, and only then.
func TestADeferredErrorDoomsWhenItLeavesTheHandler(t *testing.T) {
	busy := fakedb.Fault(retryable.LockTimeout)
	for name, tt := range map[string]struct {
		leave func(ctx context.Context, err error) error
		runs  int
	}{
		"swallowed":  {func(context.Context, error) error { return nil }, 1},
		"returned":   {func(_ context.Context, err error) error { return err }, 2},
		"wrapped":    {func(_ context.Context, err error) error { return fmt.Errorf("lock: %w", err) }, 2},
		"thrown":     {func(_ context.Context, err error) error { panic(err) }, 2},
		"given Fail": {func(ctx context.Context, err error) error { txctx.Fail(ctx, err); return nil }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{fail: map[string][]error{"lock": {busy}}}
			db := sqladapter.New(s, sqladapter.Config{Classify: classify, Deferred: func(err error) bool { return errors.Is(err, busy) }})
			defer db.Close()
			runs, err := run(db, txctx.Options{}, func(ctx context.Context) error {
				if err := exec(ctx, "lock"); err != nil {
					if retryable.ReasonOf(err) != retryable.LockTimeout {
						t.Errorf("lock: %v", err)
					}
					if err := exec(ctx, "b"); err != nil {
						t.Errorf("the next statement: %v", err)
					}
					return tt.leave(ctx, err)
				}
				return nil
			})
			if runs != tt.runs || err != nil {
				t.Errorf("ran %d times, error %v", runs, err)
			}
			want := []string{"begin", "lock", "b", "commit"}
			if tt.runs == 2 {
				want = []string{"begin", "lock", "b", "rollback", "begin", "lock", "commit"}
			}
			wantCalls(t, s, want...)
		})
	}
}
