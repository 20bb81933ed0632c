package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestInjectedFaultsAreTheDatabases: a statement that a test refuses does not reach the
// driver, and dooms the attempt.
//
// Mutation seen to fail it: return the error without judging it.
func TestInjectedFaultsAreTheDatabases(t *testing.T) {
	t.Parallel()
	s := &server{}
	db := newDB(t, s)
	var met error
	runs, err := run(db, txctx.Options{}, func(ctx context.Context) error {
		txctx.Inject(ctx, txctx.Injection{Statement: func(n int, _ string) error {
			if n == 2 && txctx.AttemptOf(ctx).Number == 1 {
				return fakedb.Fault(retryable.Disconnected)
			}
			return nil
		}})
		_ = exec(ctx, "a")
		if err := exec(ctx, "b"); err != nil {
			met = err
		}
		_ = exec(ctx, "c")
		return nil
	})
	if err != nil || runs != 2 || retryable.ReasonOf(met) != retryable.Disconnected {
		t.Errorf("%d runs, %v; met %v", runs, err, met)
	}
	wantCalls(t, s, "begin", "a", "rollback", "ping", "begin", "a", "b", "c", "commit")
}

// TestEveryStatementIsToldOnce, whatever way database/sql takes to the driver; what the
// adapter sends itself is not told at all.
//
// Mutations seen to fail it: tell a statement again when the driver wants it to be
// prepared; tell when it is prepared.
func TestEveryStatementIsToldOnce(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*server{
		"direct":   {},
		"bare":     {bare: true},
		"prepared": {fail: map[string][]error{"a": {driver.ErrSkip}, "b": {driver.ErrSkip}}},
		"refused":  {fail: map[string][]error{"a": {driver.ErrSkip}, "prepare a": {errPlain}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := newDB(t, s)
			var told []string
			var late context.Context
			_, err := run(db, txctx.Options{}, func(ctx context.Context) error {
				txctx.Inject(ctx, txctx.Injection{
					Statement: func(n int, text string) error { told = append(told, fmt.Sprint(n, " ", text)); return nil },
					Stray:     func(string) { told = append(told, "stray") },
				})
				late = ctx
				tx := sqladapter.Tx(ctx)
				_, _ = tx.ExecContext(ctx, "a")
				if rows, err := tx.QueryContext(ctx, "b"); err == nil {
					_ = rows.Close()
				}
				if st, err := tx.PrepareContext(ctx, "c"); err == nil {
					_, _ = st.ExecContext(ctx)
					_, _ = st.ExecContext(ctx)
					_ = st.Close()
				}
				_, err := tx.ExecContext(ctx, "savepoint d")
				return err
			})
			if err != nil {
				t.Error(err)
			}
			_ = exec(late, "e")
			want := []string{"1 a", "2 b", "3 c", "4 c", "5 savepoint d", "stray"}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}
