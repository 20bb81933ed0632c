package pgadapter

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/sqltext"
)

type rewriter struct{}

func (rewriter) RewriteQuery(context.Context, *pgx.Conn, string, []any) (string, []any, error) {
	return "insert into t values (1)", nil, nil
}

func TestKindOf(t *testing.T) {
	db := &DB{texts: sqltext.NewMemo(read)}
	for want, statements := range map[kind][]string{
		quiet: {
			"set transaction isolation level serializable", "SET LOCAL x = 1;", "show x", "lock table t", "savepoint a",
			"release a", "rollback to a", "listen x", "unlisten *", "fetch c", "-- why\nset constraints all deferred", "reset all",
		},
		reads:  {"select 1", "select count(*) from t", "with x as (select 1) select * from x", "values (1)", "table t"},
		late:   {"notify x", "set local x = 1; insert into t values (1)", "lock t; update t set a = 1"},
		writes: {"", "insert into t values (1)", "select f()", "create table t ()", "declare c cursor for select f()", "call p()", "do ''", "name", "truncate t"},
	} {
		for _, sql := range statements {
			if got := db.statement(sql, nil).kind; got != want {
				t.Errorf("%q is %d, want %d", sql, got, want)
			}
		}
	}
	if got := db.statement("select 1", []any{rewriter{}}).kind; got != writes {
		t.Errorf("rewritten: %d", got)
	}
	if got := db.statement("select @a", []any{pgx.NamedArgs{"a": 1}}).kind; got != reads {
		t.Errorf("with named arguments: %d", got)
	}
}

func TestIsText(t *testing.T) {
	for sql, want := range map[string]bool{
		"select 1": true, "  /* x */ UPDATE t\nset a = 1": true, "vacuum": false, "getUser": false, "get user": false, "": false,
	} {
		if got := (&statement{reading: read(sql)}).isText(); got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
	if (&statement{args: []any{1}, reading: read("select $1")}).isText() {
		t.Error("arguments need a preparation")
	}
}

func TestEnds(t *testing.T) {
	for sql, want := range map[string]bool{
		"commit": true, "insert into t values (1); END": true, "rollback": true, "begin": true, "prepare transaction 'x'": true,
		"abort": true, "rollback to a": false, "insert into t values ('; commit')": false, "prepare p as select 1": false,
	} {
		if got := read(sql).ends; got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}

func TestToken(t *testing.T) {
	file := []byte("00000002000000000000000A")
	if got := token([][]byte{file, []byte("a"), []byte("b")}); got != "00000002 a b" {
		t.Errorf("%q", got)
	}
	for i := range 3 {
		values := [][]byte{file, []byte("a"), []byte("b")}
		values[i] = nil
		if got := token(values); got != "" {
			t.Errorf("a NULL gave %q", got)
		}
	}
}
