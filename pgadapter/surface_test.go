package pgadapter_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// ways are the ways in which a handler can meet SQLSTATE 40001 and not look at it.
var ways = []struct {
	name string
	meet func(ctx context.Context, tx pgx.Tx)
}{
	{"Exec", func(ctx context.Context, tx pgx.Tx) { _, _ = tx.Exec(ctx, `select boom('40001')`) }},
	{"Exec with arguments", func(ctx context.Context, tx pgx.Tx) { _, _ = tx.Exec(ctx, `select boom($1)`, "40001") }},
	{"Query to its end", func(ctx context.Context, tx pgx.Tx) {
		rows, _ := tx.Query(ctx, `select boom($1)`, "40001")
		for rows.Next() {
		}
	}},
	{"Query closed at once", func(ctx context.Context, tx pgx.Tx) {
		rows, _ := tx.Query(ctx, `select boom($1)`, "40001")
		rows.Close()
	}},
	{"Query never closed", func(ctx context.Context, tx pgx.Tx) { _, _ = tx.Query(ctx, `select boom($1)`, "40001") }},
	{"row 3000 of a stream", func(ctx context.Context, tx pgx.Tx) {
		rows, _ := tx.Query(ctx, `select case when g = 3000 then boom('40001') else g end from generate_series(1, 5000) g`)
		for rows.Next() {
			var n int
			_ = rows.Scan(&n)
		}
	}},
	{"row 3000 of a stream left at row 1", func(ctx context.Context, tx pgx.Tx) {
		rows, _ := tx.Query(ctx, `select case when g = 3000 then boom('40001') else g end from generate_series(1, 5000) g`)
		rows.Next()
	}},
	{"Values", func(ctx context.Context, tx pgx.Tx) {
		rows, _ := tx.Query(ctx, `select case when g = 3 then boom('40001') else g end from generate_series(1, 5) g`)
		for rows.Next() {
			_, _ = rows.Values()
		}
	}},
	{"QueryRow", func(ctx context.Context, tx pgx.Tx) {
		var n int
		_ = tx.QueryRow(ctx, `select boom($1)`, "40001").Scan(&n)
	}},
	{"QueryRow never scanned", func(ctx context.Context, tx pgx.Tx) { tx.QueryRow(ctx, `select boom($1)`, "40001") }},
	{"QueryRow with an error after its row", func(ctx context.Context, tx pgx.Tx) {
		var n int
		_ = tx.QueryRow(ctx, `select case when g = 2 then boom('40001') else g end from generate_series(1, 2) g`).Scan(&n)
	}},
	{"CollectRows", func(ctx context.Context, tx pgx.Tx) {
		rows, _ := tx.Query(ctx, `select boom($1)`, "40001")
		_, _ = pgx.CollectRows(rows, pgx.RowTo[int])
	}},
	{"batch Exec", func(ctx context.Context, tx pgx.Tx) {
		br := tx.SendBatch(ctx, batch("select 1", "select boom('40001')"))
		_, _ = br.Exec()
		_, _ = br.Exec()
		_ = br.Close()
	}},
	{"batch Query", func(ctx context.Context, tx pgx.Tx) {
		br := tx.SendBatch(ctx, batch("select boom('40001')"))
		rows, _ := br.Query()
		for rows.Next() {
		}
		_ = br.Close()
	}},
	{"batch QueryRow", func(ctx context.Context, tx pgx.Tx) {
		br := tx.SendBatch(ctx, batch("select boom('40001')"))
		var n int
		_ = br.QueryRow().Scan(&n)
		_ = br.Close()
	}},
	{"batch closed at once", func(ctx context.Context, tx pgx.Tx) { _ = tx.SendBatch(ctx, batch("select boom('40001')")).Close() }},
	{"batch never closed", func(ctx context.Context, tx pgx.Tx) { tx.SendBatch(ctx, batch("select boom('40001')")) }},
	{"batch callback that swallows", func(ctx context.Context, tx pgx.Tx) {
		b := new(pgx.Batch)
		b.Queue("select boom('40001')").QueryRow(func(row pgx.Row) error {
			var n int
			_ = row.Scan(&n)
			return nil
		})
		_ = tx.SendBatch(ctx, b).Close()
	}},
	{"batch callback that swallows rows", func(ctx context.Context, tx pgx.Tx) {
		b := new(pgx.Batch)
		b.Queue("select 1").Exec(nil2)
		b.Queue("select boom('40001')").Query(func(rows pgx.Rows) error {
			for rows.Next() {
			}
			return nil
		})
		_ = tx.SendBatch(ctx, b).Close()
	}},
	{"batch callback that puts its own error in the place of it", func(ctx context.Context, tx pgx.Tx) {
		b := new(pgx.Batch)
		b.Queue("select boom('40001')").QueryRow(func(row pgx.Row) error {
			if row.Scan(new(int)) != nil {
				return errors.New("not found")
			}
			return nil
		})
		_ = tx.SendBatch(ctx, b).Close()
	}},
	{"CopyFrom", func(ctx context.Context, tx pgx.Tx) {
		_, _ = tx.CopyFrom(ctx, pgx.Identifier{"tripwire"}, []string{"code"}, pgx.CopyFromRows([][]any{{"40001"}}))
	}},
	{"a prepared statement", func(ctx context.Context, tx pgx.Tx) {
		_, _ = tx.Prepare(ctx, "p", "select boom($1)")
		_, _ = tx.Exec(ctx, "p", "40001")
	}},
	{"inside a savepoint", func(ctx context.Context, tx pgx.Tx) {
		_ = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `select boom('40001')`)
			return err
		})
	}},
	{"releasing a savepoint", func(ctx context.Context, tx pgx.Tx) {
		sp, _ := tx.Begin(ctx)
		_, _ = sp.Exec(ctx, `select boom('40001')`)
		_ = sp.Commit(ctx)
	}},
	{"losing the connection", func(ctx context.Context, tx pgx.Tx) {
		_, _ = tx.Exec(ctx, `select pg_terminate_backend(pg_backend_pid())`)
	}},
	{"losing the connection in Prepare", func(ctx context.Context, tx pgx.Tx) {
		terminate(ctx, tx)
		_, _ = tx.Prepare(ctx, "p", "select 1")
	}},
	{"losing the connection in Begin", func(ctx context.Context, tx pgx.Tx) {
		terminate(ctx, tx)
		_, _ = tx.Begin(ctx)
	}},
	{"losing the connection in CopyFrom", func(ctx context.Context, tx pgx.Tx) {
		terminate(ctx, tx)
		_, _ = tx.CopyFrom(ctx, pgx.Identifier{"effect"}, []string{"attempt"}, pgx.CopyFromRows([][]any{{1}}))
	}},
	{"losing the connection through Conn", func(ctx context.Context, tx pgx.Tx) { terminate(ctx, tx) }},
}

func nil2(_ commandTag) error { return nil }

func batch(sqls ...string) *pgx.Batch {
	b := new(pgx.Batch)
	for _, sql := range sqls {
		b.Queue(sql)
	}
	return b
}

// terminate ends the connection behind the adapter's back.
func terminate(ctx context.Context, tx pgx.Tx) {
	_, _ = tx.Conn().Exec(ctx, `select pg_terminate_backend(pg_backend_pid())`)
}

// TestRule01_EverySwallowedErrorDooms: whatever way an error came, the attempt is
// replayed though its handler looked away.
//
// Mutations seen to fail it: return pgx's rows or batch unwrapped; leave the
// callbacks to pgx; do not close what was left open before COMMIT.
func TestRule01_EverySwallowedErrorDooms(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			truncate(t, b)
			reached := false
			runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
				if err := effect(ctx, tx); err != nil {
					return err
				}
				if txctx.AttemptOf(ctx).Number == 1 {
					way.meet(ctx, tx)
					// What is seen only when it is closed is seen at the end.
					late := strings.Contains(way.name, "never") || strings.Contains(way.name, "left") || strings.Contains(way.name, "through Conn")
					sent := b.statements.Load()
					_, err := tx.Exec(ctx, `select 'after'`)
					if !late && (!errors.Is(err, retryable.ErrRetry) || b.statements.Load() != sent) {
						t.Errorf("the next statement: %v", err)
					}
					reached = true
				}
				return nil
			})
			if err != nil || runs != 2 || !reached {
				t.Errorf("ran %d times, error %v, want 2 and none; reached its end: %v", runs, err, reached)
			}
			if diff := cmp.Diff([]int{2}, b.effects()); diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRule01_TheFirstStatementMayBeTheOne: the same without any statement before.
func TestRule01_TheFirstStatementMayBeTheOne(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
				if txctx.AttemptOf(ctx).Number == 1 {
					way.meet(ctx, tx)
				}
				return nil
			})
			if err != nil || runs != 2 {
				t.Errorf("ran %d times, error %v, want 2 and none", runs, err)
			}
		})
	}
}

// TestRule04_ASwallowedPlainErrorIsNoSuccess: PostgreSQL would answer ROLLBACK to
// COMMIT; the cause is kept.
//
// Mutation seen to fail it: ignore both the tag of COMMIT and the transaction
// status before it.
func TestRule04_ASwallowedPlainErrorIsNoSuccess(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		_ = effect(ctx, tx)
		_, _ = tx.Exec(ctx, `select boom('22012')`)
		return nil
	})
	if runs != 1 || !errors.Is(err, pgx.ErrTxCommitRollback) || sqlState(err) != "22012" {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if got := b.effects(); len(got) != 0 {
		t.Errorf("effects %v", got)
	}
}

// TestRule01_WhatPassedByIsJudgedFromTheReturnedError: large objects and Conn
// bypass the adapter.
//
// Mutation seen to fail it: make Judge return its argument.
func TestRule01_WhatPassedByIsJudgedFromTheReturnedError(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		if txctx.AttemptOf(ctx).Number > 1 {
			return nil
		}
		_, err := tx.Conn().Exec(ctx, `select boom('40001')`)
		return err
	})
	if runs != 2 || err != nil {
		t.Errorf("Conn: ran %d times, error %v", runs, err)
	}
	runs, err = b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		lo := tx.LargeObjects()
		if txctx.AttemptOf(ctx).Number == 1 {
			terminate(ctx, tx)
		}
		_, err := lo.Create(ctx, 0)
		return err
	})
	if runs != 2 || err != nil {
		t.Errorf("LargeObjects: ran %d times, error %v", runs, err)
	}
}

// TestRule05_ErrorsOfOtherPoolsAreNotJudged: a 40001 that is not of this
// transaction does not replay it.
//
// Mutation seen to fail it: classify every returned error.
func TestRule05_ErrorsOfOtherPoolsAreNotJudged(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		if err := effect(ctx, tx); err != nil {
			return err
		}
		_, err := b.pool.Exec(ctx, `select boom('40001')`)
		return err
	})
	if runs != 1 || sqlState(err) != "40001" || retryable.ReasonOf(err) != retryable.None {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}
