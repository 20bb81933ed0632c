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
	f.Fuzz(func(_ *testing.T, sql string) { sqltext.Parse(sql) })
}
