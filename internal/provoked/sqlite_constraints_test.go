package provoked_test

import (
	"testing"

	"github.com/reprise-go/reprise/retryable"
)

// TestSQLiteConstraints breaks rules of the schema, for which nothing is replayed.
//
// Mutation seen to fail it: no rollback hook; send no ROLLBACK; call every error of COMMIT unknown.
func TestSQLiteConstraints(t *testing.T) { play(t, false, lite(liteOptions{}), liteConstraints) }

var liteConstraints = []liteScenario{
	{row: "sq-034", name: "UNIQUE", text: "UNIQUE constraint failed", provoke: liteExec(
		`create table u (x int unique)`, `insert into u values (1)`, `insert into u values (1)`)},
	{
		row: "sq-034", name: "PRIMARY KEY", text: "UNIQUE constraint failed",
		gives:    &verdict{code: "1555", phase: retryable.Statement, kept: true},
		disputed: "a primary key has a code of its own",
		provoke:  liteExec(`insert into counter values (1, 0)`),
	},
	{row: "sq-036", name: "CHECK", text: "CHECK constraint failed", provoke: liteExec(
		`create table c (x int check (x > 0))`, `insert into c values (0)`)},
	{row: "sq-038", name: "RAISE(ABORT)", text: "no such luck", provoke: liteExec(
		`create trigger no before insert on parent begin select raise(abort, 'no such luck'); end`,
		`insert into parent values (1)`)},
	{row: "sq-039", name: "of a virtual table", text: "rtree constraint failed", provoke: liteExec(
		`create virtual table r using rtree (id, low, high)`, `insert into r values (1, 2, 1)`)},
	{
		row: "sq-039", name: "NOT NULL", text: "NOT NULL constraint failed",
		gives:    &verdict{code: "1299", phase: retryable.Statement, kept: true},
		disputed: "extended codes tell the constraints of plain tables apart",
		provoke:  liteExec(`update counter set n = null`),
	},
	{row: "sq-040", name: "a deferred foreign key, at COMMIT", text: "FOREIGN KEY constraint failed",
		provoke: liteLast(`insert into child values (7)`)},
	{
		row: "sq-040", name: "a foreign key, at once", text: "FOREIGN KEY constraint failed",
		gives:    &verdict{code: "787", phase: retryable.Statement, kept: true},
		disputed: "the row's is deferred",
		provoke: liteExec(`create table now (id int references parent (id))`,
			`insert into parent values (1)`, `insert into now values (7)`),
	},

	// Those that take the transaction with them: what came after would not have any.
	{name: "2067 INSERT OR ROLLBACK", text: "UNIQUE constraint failed", gives: liteGoneWith("2067"), provoke: liteExec(
		`create table u (x int unique)`, `insert into u values (1)`, `insert or rollback into u values (1)`)},
	{name: "1811 RAISE(ROLLBACK)", text: "no such luck", gives: liteGoneWith("1811"), provoke: liteExec(
		`create trigger no before insert on parent begin select raise(rollback, 'no such luck'); end`,
		`insert into parent values (1)`)},
}

// liteGoneWith is a constraint's code that takes the transaction with it.
func liteGoneWith(code string) *verdict {
	return &verdict{code: code, phase: retryable.Statement, kept: true}
}
