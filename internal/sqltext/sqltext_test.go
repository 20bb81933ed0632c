package sqltext_test

import (
	"testing"

	"github.com/reprise-go/reprise/internal/sqltext"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		sql  string
		verb sqltext.Verb
		name string
	}{
		{"", sqltext.Other, ""},
		{"select 1", sqltext.Other, ""},
		{"commit", sqltext.Commit, ""},
		{"  /* x */ COMMIT WORK;", sqltext.Commit, ""},
		{"-- x\n End", sqltext.Commit, ""},
		{"# x\nCOMMIT", sqltext.Commit, ""},
		{"commit prepared 'x'", sqltext.Other, ""},
		{"commitment", sqltext.Other, ""},
		{";;begin", sqltext.Begin, ""},
		{"START TRANSACTION READ ONLY", sqltext.Begin, ""},
		{"start slave", sqltext.Other, ""},
		{"rollback", sqltext.Rollback, ""},
		{"ROLLBACK WORK", sqltext.Rollback, ""},
		{"abort", sqltext.Rollback, ""},
		{"rollback prepared 'x'", sqltext.Other, ""},
		{"rollback to a", sqltext.RollbackTo, "a"},
		{"ROLLBACK TRANSACTION TO SAVEPOINT Sp_1;", sqltext.RollbackTo, "sp_1"},
		{"rollback to `Quoted Name`", sqltext.RollbackTo, "quoted name"},
		{"savepoint savepoint", sqltext.Savepoint, "savepoint"},
		{`SAVEPOINT "x"`, sqltext.Savepoint, "x"},
		{"release savepoint a", sqltext.Release, "a"},
		{"release a", sqltext.Release, "a"},
		{"/* never closed", sqltext.Other, ""},

		{"select 1; commit", sqltext.Commit, ""},
		{"select 1;\n-- x\n ROLLBACK", sqltext.Rollback, ""},
		{"savepoint a; begin", sqltext.Begin, ""},
		{"savepoint a; select 1", sqltext.Savepoint, "a"},
		{"insert into t values ('x; commit')", sqltext.Other, ""},
		{"insert into t values ('it''s; commit', \"a;commit\", `b;commit`)", sqltext.Other, ""},
		{"select 1 -- ; commit", sqltext.Other, ""},
		{"select 1 /* ; commit */; select 2", sqltext.Other, ""},
		{"do $$ begin; commit; end $$", sqltext.Other, ""},
		{"do $x$ a; $$ ; commit $x$; commit", sqltext.Commit, ""},
		{"select $1; commit", sqltext.Commit, ""},
		{"select $1, '$', $2; commit", sqltext.Commit, ""},
		{"create trigger x after insert on t begin update u set n = 1; end", sqltext.Other, ""},
		{"CREATE OR REPLACE DEFINER=`a`@`b` PROCEDURE x() BEGIN SELECT 1; END", sqltext.Other, ""},
		{"create table t (n int); commit", sqltext.Commit, ""},
		{"select 1;", sqltext.Other, ""},
		{";", sqltext.Other, ""},
	} {
		if verb, name := sqltext.Parse(row.sql); verb != row.verb || name != row.name {
			t.Errorf("%q: %v %q, want %v %q", row.sql, verb, name, row.verb, row.name)
		}
	}
}

func TestWords(t *testing.T) {
	for sql, want := range map[string][2]string{
		"":                                 {"", ""},
		"/* x */ Create TEMPORARY table t": {"create", "temporary"},
		"call(1)":                          {"call", ""},
	} {
		if first, second := sqltext.Words(sql); first != want[0] || second != want[1] {
			t.Errorf("%q: %q %q, want %q", sql, first, second, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("/* x */ rollback to savepoint \"a\"")
	f.Add("do $x$ a; $$ ; commit $x$; 'it''s'; create trigger x; end")
	f.Fuzz(func(_ *testing.T, sql string) { sqltext.Parse(sql) })
}
