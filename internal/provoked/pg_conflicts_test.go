package provoked_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// Mutations seen to fail it: cached plans are None; a doom that the handler swallows is
// not kept; a connection that is Unusable goes back to the pool.
func TestPostgresConflicts(t *testing.T) { play(t, true, pg(pgOptions{}), pgConflicts) }

var (
	repeatable   = pg(pgOptions{iso: pgx.RepeatableRead})
	serializable = pg(pgOptions{iso: pgx.Serializable})
)

const bump1, bump2 = `update counter set n = n + 1 where id = 1`, `update counter set n = n + 1 where id = 2`

var pgConflicts = []pgScenario{
	{
		row: "pg-056", name: "concurrent update", text: "due to concurrent update", open: repeatable,
		provoke: and(outside(bump1), do(bump1)),
	},
	{
		row: "pg-056", name: "swallowed", text: "due to concurrent update", open: repeatable, swallow: true,
		provoke: and(outside(bump1), do(bump1)),
	},
	{
		row: "pg-056", name: "in every attempt", text: "due to concurrent update", open: repeatable, always: true,
		provoke: and(outside(bump1), do(bump1)),
	},
	{
		row: "pg-058", name: "a pivot, when it writes", text: "read/write dependencies", open: serializable,
		provoke: and(do(`select sum(n) from counter`), skewed, do(bump1)),
	},
	{
		row: "pg-059", name: "the second of two, at COMMIT", text: "read/write dependencies", open: serializable,
		provoke: and(do(`select sum(n) from counter`, bump1), skewed),
	},
	{
		row: "pg-062", name: "raised by a function", text: "try again",
		provoke: do(`do $$ begin raise exception 'try again' using errcode = '40001'; end $$`),
	},
	{row: "pg-065", name: "crossed updates", text: "deadlock detected", provoke: deadlock},
	{row: "pg-065", name: "swallowed", text: "deadlock detected", provoke: deadlock, swallow: true},
	{
		row: "pg-014", name: "a column was added", text: "cached plan must not change result type",
		before: func(a *pgAttempt) {
			conn, err := a.db.pool.Acquire(a.ctx)
			if err != nil {
				a.Error(err)
				return
			}
			defer conn.Release()
			_ = conn.QueryRow(a.ctx, wide).Scan(nil, nil)
			a.db.outside(a.T, `alter table counter add column more int`)
		},
		open: pg(pgOptions{pool: func(c *pgxpool.Config) { c.MaxConns = 1 }}),
		provoke: func(a *pgAttempt) error {
			rows, err := pgadapter.Tx(a.ctx).Query(a.ctx, wide)
			if err == nil {
				rows.Close()
				err = rows.Err()
			}
			return err
		},
	},
	{
		row: "pg-046", name: "DEALLOCATE ALL", text: "does not exist",
		provoke: func(a *pgAttempt) error {
			var n int
			tx := pgadapter.Tx(a.ctx)
			if err := tx.QueryRow(a.ctx, `select 1`).Scan(&n); err != nil {
				return err
			}
			if _, err := tx.Exec(a.ctx, `deallocate all`); err != nil {
				return err
			}
			return tx.QueryRow(a.ctx, `select 1`).Scan(&n)
		},
	},
	{
		name: "XX000 tuple concurrently updated, by two GRANTs", text: "tuple concurrently updated",
		gives: &verdict{code: "XX000", phase: retryable.Statement, reason: retryable.Serialization, kept: true},
		provoke: func(a *pgAttempt) error {
			other := open(a, `grant select on counter to public`)
			whenWaiting(a, a.session, `wait_event_type = 'Lock'`, func() { run(a.T, other, `commit`) })
			return do(`grant insert on counter to public`)(a)
		},
	},
	{
		row: "pg-116", name: "two drop a function", text: "tuple concurrently deleted",
		provoke: func(a *pgAttempt) error {
			a.db.outside(a.T, `create function f() returns int language sql as 'select 1'`)
			other := open(a, `drop function f()`)
			whenWaiting(a, a.session, `wait_event_type = 'Lock'`, func() { run(a.T, other, `commit`) })
			return do(`create or replace function f() returns int language sql as 'select 2'`)(a)
		},
	},
}

const wide = `select * from counter where id = 1`

// skewed is another transaction that reads what the attempt writes, and writes what it
// read.
func skewed(a *pgAttempt) error {
	other := open(a, `set transaction isolation level serializable`, `select sum(n) from counter`, bump2)
	run(a.T, other, `commit`)
	return nil
}

// deadlock makes the attempt the one that finds it.
func deadlock(a *pgAttempt) error {
	other := open(a, `set local deadlock_timeout = '60s'`, bump2)
	if err := do(bump1)(a); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = other.Exec(context.Background(), bump1)
	}()
	a.after(func() { <-done })
	a.db.until(a.T, sessionOf(other), `wait_event_type = 'Lock'`)
	return do(bump2)(a)
}
