package sqltext_test

import (
	"testing"

	"github.com/reprise-go/reprise/internal/sqltext"
)

func TestReads(t *testing.T) {
	for want, statements := range map[bool][]string{
		true: {
			"select 1", "  /* x */ SELECT count(*) FROM t where id in (1, 2);", "-- x\nselect 1", "(select 1) union (select 2)",
			"select * from t for update", "select * from t for no key update", "select 1; -- the end",
			"with x as (select 1) select * from x where a = (select max(b) from y)", "values (1), (2)", "table t",
			"explain select 1", "describe t", "show variables", "set time_zone = '+00:00'", "use app",
			"pragma user_version", "savepoint a", "release savepoint a", "rollback to savepoint a",
			"select pg_sleep(1), txid_snapshot_xmax(txid_current_snapshot()), current_setting('x')",
			"select a from t where b = ? and (c = ? or d is null) order by (e)",
		},
		false: {
			"", "/* nothing */", "insert into t values (1)", "update t set a = 1", "delete from t", "replace into t values (1)",
			"merge into t using s", "truncate t", "create table t (a int)", "call p()", "do f()", "execute s", "begin",
			"with x as (insert into t values (1) returning a) select * from x", "WITH x AS (SELECT 1) UPDATE t SET a = 1",
			"with x as (select 1) delete from t", "explain analyze insert into t values (1)",
			"select * into t2 from t", "select 1; insert into t values (1)", "select 1;;update t set a = 1",
			"select f(1)", "select app.f(1)", "select F (1)", "select `f`(1)", "select \"f\"(1)", "select [f](1)", "select f/**/(1)",
			"select nextval('s')", "select txid_current()", "select pg_current_xact_id()", "select set_config('a', 'b', true)",
			"select pg_advisory_xact_lock(1)", "set @a = f()", "set statement max_statement_time=1 for update t set a = 1",
			"pragma user_version = 5", "pragma user_version(5)", "/*!50000 insert into t values (1) */",
			"select 1 /*! into outfile 'x' */", "/*! insert into t */ select 1 from dual",
		},
	} {
		for _, sql := range statements {
			if got := sqltext.Reads(sql); got != want {
				t.Errorf("Reads(%q) = %v", sql, got)
			}
		}
	}
}

func FuzzReads(f *testing.F) {
	f.Add("with x as (select 1) select f(1); delete")
	f.Fuzz(func(_ *testing.T, sql string) { sqltext.Reads(sql) })
}
