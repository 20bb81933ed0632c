package provoked_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

func TestPostgresLocks(t *testing.T) { play(t, true, pg(pgOptions{}), pgLocks) }

// pgLocks: locks not granted, cancellations, and time that runs out.
var pgLocks = []pgScenario{
	{
		row: "pg-085", name: "NOWAIT", text: "could not obtain lock on row",
		provoke: and(beside(bump1), do(`select from counter where id = 1 for update nowait`)),
	},
	{
		row: "pg-085", name: "swallowed", text: "could not obtain lock on row", swallow: true,
		provoke: and(beside(bump1), do(`select from counter where id = 1 for update nowait`)),
	},
	{
		row: "pg-086", name: "lock_timeout", text: "due to lock timeout",
		provoke: and(beside(bump1), do(`set local lock_timeout = '20ms'`, bump1)),
	},
	{
		row: "pg-082", name: "renaming a database in use", text: "accessed by other users",
		provoke: func(a *pgAttempt) error { // the server itself waits 5 s
			busy, err := pgx.Connect(a.ctx, pgtest.Database(a.T, a.db.server))
			if err != nil {
				return err
			}
			a.after(func() { _ = busy.Close(context.Background()) })
			return do(`alter database ` + busy.Config().Database + ` rename to moved`)(a)
		},
	},
	{
		row: "pg-083", name: "dropping the table of an open cursor", text: "active queries in this session",
		provoke: do(`create table t ()`, `declare c cursor for select from t`, `drop table t`),
	},
	{
		row: "pg-090", name: "pg_cancel_backend", text: "due to user request",
		provoke: func(a *pgAttempt) error {
			whenWaiting(a, a.session, `wait_event = 'PgSleep'`, func() { a.db.outside(a.T, `select pg_cancel_backend(`+a.session+`)`) })
			return do(`select pg_sleep(60)`)(a)
		},
	},
	{
		name: "57014 statement_timeout", gives: refused("57014", retryable.Statement), text: "due to statement timeout",
		provoke: do(`set local statement_timeout = '20ms'`, `select pg_sleep(60)`),
	},
	{
		row: "pg-091", name: "pg_cancel_backend during COMMIT", text: "due to user request",
		provoke: and(slowCommit, func(a *pgAttempt) error {
			whenWaiting(a, a.session, `wait_event = 'PgSleep'`, func() { a.db.outside(a.T, `select pg_cancel_backend(`+a.session+`)`) })
			return nil
		}),
	},
	{
		row: "pgx-038", name: "the statement's context was done", text: "context already done", is: context.Canceled,
		provoke: func(a *pgAttempt) error {
			ctx, cancel := context.WithCancel(a.ctx)
			cancel()
			_, err := pgadapter.Tx(a.ctx).Exec(ctx, `select 1`)
			return err
		},
	},
	{
		row: "go-003", name: "the statement's own deadline", is: context.DeadlineExceeded, unasked: true,
		gives:    &verdict{phase: retryable.Statement, reason: retryable.None},
		disputed: "the row has no say on the connection: pgx gives it up",
		provoke: func(a *pgAttempt) error {
			ctx, cancel := context.WithTimeout(a.ctx, 20*time.Millisecond)
			defer cancel()
			_, err := pgadapter.Tx(a.ctx).Exec(ctx, `select pg_sleep(60)`)
			return err
		},
	},
	{
		row: "go-002", name: "the request's deadline, in a statement", is: context.DeadlineExceeded, unasked: true,
		outer: deadline, status: http.StatusServiceUnavailable,
		provoke: do(`select pg_sleep(60)`),
	},
	{
		row: "pgx-034", name: "a savepoint that is over", is: pgx.ErrTxClosed,
		provoke: func(a *pgAttempt) error {
			sp, err := pgadapter.Tx(a.ctx).Begin(a.ctx)
			if err != nil {
				return err
			}
			_, err = sp.Exec(a.ctx, `select 1`)
			if err = errors.Join(err, sp.Commit(a.ctx)); err != nil {
				return err
			}
			_, err = sp.Exec(a.ctx, `select 1`)
			return err
		},
	},
	{
		row: "pgx-030", name: "a statement while rows are open", text: "busy",
		gives:    &verdict{phase: retryable.Statement, reason: retryable.None, kept: true},
		disputed: "pgx refuses before it sends anything, and the rows are closed before the rollback: the connection is as good as ever",
		provoke: func(a *pgAttempt) error {
			rows, err := pgadapter.Tx(a.ctx).Query(a.ctx, `select id from counter`)
			if err != nil {
				return err
			}
			defer rows.Close()
			return do(`select 1`)(a)
		},
	},
}

// deadline gives the request 100 ms.
func deadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// slowCommit has COMMIT of attempt 1 take long.
func slowCommit(a *pgAttempt) error {
	a.db.outside(a.T, `
		create table slow ();
		create function sleep() returns trigger language plpgsql as 'begin perform pg_sleep(60); return null; end';
		create constraint trigger slow after insert on slow deferrable initially deferred
			for each row execute function sleep()`)
	return do(`insert into slow default values`)(a)
}
