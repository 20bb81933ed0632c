package pgadapter_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

// TestPlannedFaults: what a test has planned for a statement dooms the attempt as if the
// server had answered it.
//
// Mutations seen to fail it: admit does not ask; judge lets a first one pass.
func TestPlannedFaults(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	calls := []func(ctx context.Context, tx pgx.Tx) error{
		effect,
		func(ctx context.Context, tx pgx.Tx) error { return collect(tx.Query(ctx, `select 1`)) },
		func(ctx context.Context, tx pgx.Tx) error { return tx.QueryRow(ctx, `select 1`).Scan(new(int)) },
		func(ctx context.Context, tx pgx.Tx) error {
			return tx.SendBatch(ctx, batch(`select 1`, `select 2`)).Close()
		},
		func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.CopyFrom(ctx, pgx.Identifier{"effect"}, []string{"attempt"}, pgx.CopyFromRows(nil))
			return err
		},
		func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Prepare(ctx, "p", `select 1`); return err }, // is not one
		func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Begin(ctx); return err },
	}
	for statement := 1; statement < len(calls); statement++ {
		if _, err := b.pool.Exec(t.Context(), `truncate effect`); err != nil {
			t.Fatal(err)
		}
		db := txtest.Wrap(b.db, txtest.Plan{{Attempt: 1, Statement: statement, Reason: retryable.Deadlock}})
		runs := 0
		err := txctx.Run(t.Context(), db, txctx.Options{}, func(ctx context.Context) error {
			runs++
			failed := false
			for i, call := range calls {
				if i == len(calls)-1 && runs == 2 {
					break // its savepoint would stay open
				}
				if err := call(ctx, pgadapter.Tx(ctx)); err != nil && !failed {
					failed = true
					planned := statement - 1
					if planned > 4 {
						planned++ // Prepare
					}
					if i != planned {
						t.Errorf("statement %d failed in call %d: %v", statement, i, err)
					}
				}
			}
			return nil // swallowed
		})
		if got := b.effects(); runs != 2 || err != nil || !slices.Equal(got, []int{2}) {
			t.Errorf("statement %d: ran %d times, error %v, effects %v", statement, runs, err, got)
		}
		db.MustFire(t)
	}
}
