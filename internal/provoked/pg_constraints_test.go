package provoked_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// Mutation seen to fail it: class 08 is a loss whatever its severity.
func TestPostgresConstraints(t *testing.T) { play(t, true, pg(pgOptions{}), pgConstraints) }

// refused is the verdict on an ERROR that a replay would meet again.
func refused(code string, phase retryable.Phase) *verdict {
	return &verdict{code: code, phase: phase, reason: retryable.None, kept: true}
}

const (
	deferredUnique = `alter table counter add unique (n) deferrable initially deferred`
	foreign        = `create table child (id int references counter)`
	foreignLate    = `create table child (id int references counter deferrable initially deferred)`
)

var pgConstraints = []pgScenario{
	{
		name: "23505 a statement", gives: refused("23505", retryable.Statement), text: "counter_pkey",
		provoke: do(`insert into counter values (1, 0)`),
	},
	{
		name: "23505 swallowed", gives: refused("23505", retryable.Statement), text: "counter_pkey", swallow: true,
		provoke: do(`insert into counter values (1, 0)`),
	},
	{
		row: "pg-027", name: "a deferred constraint, at COMMIT", text: "counter_n_key",
		provoke: do(`update counter set n = id`, deferredUnique, `update counter set n = 1`),
	},
	{
		name: "23503 a statement", gives: refused("23503", retryable.Statement), text: "child_id_fkey",
		provoke: do(foreign, `insert into child values (3)`),
	},
	{
		name: "23503 deferred, at COMMIT", gives: refused("23503", retryable.Commit), text: "child_id_fkey",
		provoke: do(foreignLate, `insert into child values (3)`),
	},
	{
		row: "pg-025", name: "a check", text: "positive",
		provoke: do(`alter table counter add constraint positive check (n >= 0)`, `update counter set n = -1`),
	},
	{
		row: "pg-028", name: "an exclusion", text: "once",
		provoke: do(
			`create table span (during int4range, constraint once exclude using gist (during with &&))`,
			`insert into span values ('[1,3]'), ('[3,4]')`),
	},
	{
		name: "23502 a null", gives: refused("23502", retryable.Statement), text: "null value",
		provoke: do(`update counter set n = null`),
	},
	{row: "pg-018", name: "a long text", text: "too long", provoke: do(`create table short (s varchar(1))`, `insert into short values ('ab')`)},
	{row: "pg-019", name: "a large number", text: "out of range", provoke: do(`update counter set n = 2147483647`, bump1)},
	{row: "pg-051", name: "no SQL", text: "syntax error", provoke: do(`selct`)},
	{row: "pg-053", name: "no such table", text: "nosuch", provoke: do(`select from nosuch`)},
	{
		row: "pg-050", name: "a role without rights", text: "permission denied",
		provoke: do(`set local role pg_monitor`, `select from pg_authid`),
	},
	{row: "pg-113", name: "raised by a function", text: "no seats", provoke: do(`do $$ begin raise exception 'no seats'; end $$`)},
	{row: "pg-030", name: "late isolation level", text: "before any query", provoke: do(`set transaction isolation level serializable`)},
	{row: "pg-084", name: "a setting of the start", text: "without restarting", provoke: do(`set max_connections = 5`)},
	{row: "pg-017", name: "what is not supported", text: "not allowed with DISTINCT", provoke: do(`select distinct n from counter for update`)},
	{row: "pg-081", name: "currval before nextval", text: "not yet defined", provoke: do(`create sequence s`, `select currval('s')`)},
	{row: "pg-108", name: "no such file", text: "/nosuch", provoke: do(`select pg_read_file('/nosuch')`)},
	{row: "pg-118", name: "no such relation", text: "could not open relation with OID", provoke: do(`select gin_clean_pending_list(1::regclass)`)},
	{row: "pg-119", name: "no such operator class", text: "cache lookup failed", provoke: do(`select amvalidate(1)`)},
	{row: "pg-054", name: "prepared twice", text: "already exists", provoke: do(`prepare p as select 1`, `prepare p as select 1`)},
	{row: "pg-012", name: "too many parameters", text: "bind message supplies", provoke: badBind},
	{
		row: "pg-079", name: "PREPARE TRANSACTION", text: "prepared transactions are disabled",
		provoke: do(`prepare transaction 'x'`), unasked: true,
	},
	{
		row: "pg-042", name: "the next statement after a swallowed error", text: "transaction is aborted",
		provoke: func(a *pgAttempt) error {
			_ = do(`selct`)(a)
			return do(`select 1`)(a)
		},
	},
	{
		row: "pgx-035", name: "COMMIT of a failed transaction", text: "syntax error", is: pgx.ErrTxCommitRollback,
		swallow: true, provoke: do(`selct`), unasked: true,
	},
	{row: "pg-010", name: "raised about somebody's link", text: "their link", provoke: do(`do $$ begin raise exception 'their link' using errcode = '08006'; end $$`)},
	{
		row: "pg-004", name: "dblink to nowhere", text: "could not establish connection", open: pg(pgOptions{own: true}),
		provoke: do(`create extension dblink`, `select * from dblink('host=127.0.0.1 port=1', 'select 1') as (x int)`),
	},
	{
		row: "pg-005", name: "dblink by a name that is none", text: "not available", open: pg(pgOptions{own: true}),
		provoke: do(`create extension dblink`, `select dblink_disconnect('x')`),
	},
}

// badBind sends more parameters than pgx itself lets pass where it knows the number.
func badBind(a *pgAttempt) error {
	_, err := pgadapter.Tx(a.ctx).Exec(a.ctx, `select $1::int`, pgx.QueryExecModeExec, 1, 2)
	return err
}
