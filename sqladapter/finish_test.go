package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"testing"

	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

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
