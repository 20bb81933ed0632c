package pgadapter_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// holdLock keeps the row of table locked locked until the returned func is called.
func holdLock(t *testing.T, b *bed) (release func()) {
	t.Helper()
	ctx := context.Background()
	other, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(ctx, `select * from locked for update`); err != nil {
		t.Fatal(err)
	}
	return func() { _ = other.Rollback(ctx) }
}

const nowait = `select * from locked for update nowait`

// TestRule01_LockTimeout: a lock that was not granted dooms, except where the
// handler took that on purpose.
//
// Mutations seen to fail it: drop Forgive; do not excuse Rollback; refuse the
// rollback of a savepoint in a doomed transaction.
func TestRule01_LockTimeout(t *testing.T) {
	rows := []struct {
		name    string
		handler func(ctx context.Context, tx pgx.Tx) error
		runs    int
		effects []int
	}{
		{"swallowed", func(ctx context.Context, tx pgx.Tx) error {
			_, _ = tx.Exec(ctx, nowait)
			return nil
		}, 2, []int{2}},
		{"in a savepoint that is rolled back", func(ctx context.Context, tx pgx.Tx) error {
			_ = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, nowait)
				return err
			})
			_, err := tx.Exec(ctx, `select 1`)
			return err
		}, 1, []int{1}},
		{"in a savepoint inside the one that is rolled back", func(ctx context.Context, tx pgx.Tx) error {
			outer, _ := tx.Begin(ctx)
			inner, _ := outer.Begin(ctx)
			_, _ = inner.Exec(ctx, nowait)
			return outer.Rollback(ctx)
		}, 1, []int{1}},
		{"in a savepoint that is released", func(ctx context.Context, tx pgx.Tx) error {
			sp, _ := tx.Begin(ctx)
			_, _ = sp.Exec(ctx, nowait)
			_ = sp.Commit(ctx)
			return nil
		}, 2, []int{2}},
		{"in a savepoint that is left open", func(ctx context.Context, tx pgx.Tx) error {
			sp, _ := tx.Begin(ctx)
			_, _ = sp.Exec(ctx, nowait)
			return nil
		}, 2, []int{2}},
		{"rolled back, but the error leaves the handler", func(ctx context.Context, tx pgx.Tx) error {
			return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, nowait)
				return err
			})
		}, 2, []int{2}},
		{"followed by Rollback", func(ctx context.Context, tx pgx.Tx) error {
			_, _ = tx.Exec(ctx, nowait)
			txctx.Rollback(ctx)
			return nil
		}, 1, nil},
	}
	b := newBed(t, pgadapter.Config{})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			truncate(t, b)
			release := holdLock(t, b)
			runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
				if txctx.AttemptOf(ctx).Number > 1 {
					release()
					return effect(ctx, tx)
				}
				if err := effect(ctx, tx); err != nil {
					return err
				}
				return row.handler(ctx, tx)
			})
			release()
			if runs != row.runs || err != nil {
				t.Errorf("ran %d times, error %v, want %d", runs, err, row.runs)
			}
			if got := b.effects(); !cmp.Equal(row.effects, got) && len(row.effects)+len(got) > 0 {
				t.Errorf("effects %v, want %v", got, row.effects)
			}
		})
	}
}

// TestSavepoints: they are the handler's own.
func TestSavepoints(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	boom := errors.New("boom")
	insert := func(ctx context.Context, tx pgx.Tx, n int) error {
		_, err := tx.Exec(ctx, `insert into effect values ($1)`, n)
		return err
	}
	var hooks []int
	hook := func(ctx context.Context, n int) {
		txctx.AfterCommit(ctx, func(context.Context) { hooks = append(hooks, n) })
	}
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		hook(ctx, 1)
		_ = insert(ctx, tx, 1)
		_ = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			hook(ctx, 2)
			_ = insert(ctx, tx, 2)
			return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { hook(ctx, 3); return insert(ctx, tx, 3) })
		})
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			hook(ctx, 4)
			_ = insert(ctx, tx, 4)
			_, _ = tx.Exec(ctx, `select boom('22012')`)
			return boom
		})
		if !errors.Is(err, boom) {
			t.Errorf("BeginFunc: %v", err)
		}
		hook(ctx, 5)
		sp, _ := tx.Begin(ctx)
		if err := sp.Rollback(ctx); err != nil {
			t.Error(err)
		}
		if err := sp.Rollback(ctx); !errors.Is(err, pgx.ErrTxClosed) {
			t.Errorf("second Rollback: %v", err)
		}
		return insert(ctx, tx, 5)
	})
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	want := []int{1, 2, 3, 5}
	if diff := cmp.Diff(want, b.effects()); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	// Rule 17. Mutation seen to fail it: drop DropHooks.
	if diff := cmp.Diff(want, hooks); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
}

// TestSavepointIsRolledBackUnderACancelledContext: otherwise its effects would be
// committed with the rest.
func TestSavepointIsRolledBackUnderACancelledContext(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		short, cancel := context.WithCancel(ctx)
		_ = pgx.BeginFunc(short, tx, func(tx pgx.Tx) error {
			err := effect(ctx, tx)
			cancel()
			return errors.Join(err, errors.New("no"))
		})
		_, err := tx.Exec(ctx, `insert into effect values (7)`)
		return err
	})
	if runs != 1 || err != nil || retryable.ReasonOf(err) != retryable.None {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if diff := cmp.Diff([]int{7}, b.effects()); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}
