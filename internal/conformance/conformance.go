// Package conformance is what every adapter must do, as one suite: [Run] runs it
// against a real database. It goes through [txctx.Run], as requests and jobs do, and
// looks at the database from outside.
//
// The suite knows nothing of drivers. What differs between databases on purpose is a
// field of [Engine]; everything else must be the same.
package conformance

import (
	"context"
	"database/sql"
	"testing"

	"github.com/reprise-go/reprise/txctx"
)

// Engine is an adapter on a kind of database.
type Engine struct {
	// Open returns the adapter on a database of its own with the tables of Schema,
	// and ends all of it when the test ends.
	Open func(t *testing.T, o Options) *Database

	// Dollar says that parameters are $1 instead of ?. false
	Dollar bool

	// OneWriter says that transactions which may write exclude each other from
	// BEGIN on. false
	OneWriter bool

	// OneSavepoint says that a savepoint takes the place of an earlier one of its
	// name. false
	OneSavepoint bool

	// FailsWhole says that after an error of a statement the transaction can only
	// be rolled back. false
	FailsWhole bool

	// Slow is a query of one number that takes a minute or more.
	Slow string

	// Nowait is a query for row 1 of counter that fails at once, with LockTimeout,
	// where somebody else has locked it. none
	Nowait string

	// AgeLedger makes all rows of the ledger two days older. none: there is no
	// ledger, and Options.Ledger is never set
	AgeLedger string
}

// Schema is what Open creates, a statement each. effect has no unique index, so that
// what took place twice is seen.
var Schema = []string{
	`create table effect (attempt integer)`,
	`create table counter (id integer primary key, n integer not null)`,
	`insert into counter values (1, 0), (2, 0)`,
}

// Options vary a database.
type Options struct {
	// Isolation is sql.LevelSerializable or sql.LevelRepeatableRead; the latter
	// must refuse to write what has changed since it was read. Serializable
	Isolation sql.IsolationLevel

	// Conns is how many connections the adapter may have. 4
	Conns int

	// Ledger is a ledger in ledger.DefaultTable, which is not there yet. none
	Ledger bool
}

// Database is an adapter with everything around it.
type Database struct {
	DB txctx.DB

	// Tx and From are the adapter's.
	Tx   func(context.Context) Tx
	From func(context.Context) (Tx, bool)

	// Outside is another way to the same database, without faults.
	Outside *sql.DB

	// Faults stand between the adapter and the database.
	Faults Faults

	// InUse returns how many connections of the adapter's pool are in use.
	InUse func() int

	// Dirty counts the adapter's sessions that are in a transaction. nil: the suite
	// looks for locks alone
	Dirty func(t *testing.T) int

	// MigrateLedger and PurgeLedger are the adapter's.
	MigrateLedger func(context.Context) error
	PurgeLedger   func(context.Context) (int64, error)
}

// Faults make trouble between an adapter and its database.
type Faults interface {
	// CutAll cuts all connections, idle or not.
	CutAll()

	// Refuse refuses new connections.
	Refuse(on bool)

	// LoseCommit takes the answer of the next COMMIT away, and its connection.
	// delivered says whether the database gets it.
	LoseCommit(delivered bool)

	// Sent returns a number that grows with every statement sent.
	Sent() int64
}

// Run runs the suite.
func Run(t *testing.T, e Engine) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"End", endings},
		{"Doom", dooms},
		{"Conflict", conflicts},
		{"Savepoint", savepoints},
		{"Context", contexts},
		{"Loss", losses},
		{"Outcome", outcomes},
		{"Ledger", ledgers},
		{"Keys", keys},
		{"Pool", pools},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, test := range g.tests {
				if test.needs != nil && !test.needs(e) {
					continue
				}
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.run(newBed(t, e, test.options))
				})
			}
		})
	}
}

// test is one behaviour.
type test struct {
	name    string
	needs   func(Engine) bool // what the engine must have. nothing
	options Options
	run     func(b *bed)
}
