// Package ledger is the table in which requests record that they happened: one row for
// each that wrote something, in its own transaction, so that it is there exactly if the
// rest is.
//
// With a ledger, a COMMIT whose answer was lost is looked up instead of being reported
// as unknown. Adapters keep it when their Config says so:
//
//	db := pgadapter.New(pool, pgadapter.Config{Ledger: ledger.Config{Table: ledger.DefaultTable}})
//	if err := db.MigrateLedger(ctx); err != nil { ... } // or Schema in your own migrations
//	go ledger.Keep(ctx, time.Hour, db.PurgeLedger, nil) // until ctx ends
//
// # How it works
//
// The row of an attempt has the id of its run and the number of the attempt, which
// together are unique. It is written right before COMMIT. When no answer comes, the
// adapter writes the same row, marked as void, in a transaction of its own. If the
// database takes it, the attempt was not committed, and now cannot be any more: its own
// row would be a duplicate, however late its COMMIT arrives. If the database refuses it
// as a duplicate, the attempt was committed. If the row is locked, the attempt is being
// committed, and the adapter waits.
//
// # Keys
//
// With a key, see [txctx.Key], the same row is written first in the transaction, and what
// the request answered is added to it right before COMMIT. Who comes with that key
// meanwhile has to wait for the row, and is told that the key is in use; who comes later
// gets the answer. There is no state in between: the row, its answer and what the request
// has done are committed together, or not at all.
//
// Two rows are never of one key, because key_hash is unique where it is not null. header
// is JSON, in which the bytes of values stand for the characters of their numbers. A row
// with a key and without a status is of a transaction that was committed by a statement,
// such as CREATE TABLE on MySQL: nobody knows its answer, so runs with that key fail until
// it is purged, or deleted by you.
//
// # What it costs
//
// A row of about 60 bytes per request that wrote something. On PostgreSQL it travels in
// one message with COMMIT; on MySQL it is a round trip of its own. Requests that only
// read write nothing. A request with a key writes a row of about 150 bytes and its answer,
// whether or not it writes anything else, and one index entry more.
//
// [txctx.Key]: https://pkg.go.dev/github.com/reprise-go/reprise/txctx#Key
package ledger

import (
	"fmt"
	"regexp"
	"time"
)

// DefaultTable is the name of the table that [Schema] creates.
const DefaultTable = "reprise_ledger"

// DefaultRetention is how long rows are kept where [Config].Retention is zero.
const DefaultRetention = 24 * time.Hour

// MinRetention is the least that [Config].Retention may be. A row must outlive every
// COMMIT that may still be on its way, in a socket or in a pooler: purged earlier, it
// would not be missed when that COMMIT arrives.
const MinRetention = 10 * time.Minute

// Config says where the ledger is. The zero value is no ledger.
type Config struct {
	// Table is the name of the table, with its schema if need be: letters, digits,
	// underscores and dots. none, and no ledger
	Table string

	// Retention is how long rows are kept by PurgeLedger of the adapters, at least
	// [MinRetention], counted from the beginning of their attempt. Keys are kept for as
	// long: one that comes again later than that runs again. 24 h
	Retention time.Duration

	_ struct{}
}

// On reports whether there is a ledger.
func (c Config) On() bool { return c.Table != "" }

// WithDefaults returns c with its zero fields set.
func (c Config) WithDefaults() Config {
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	return c
}

// a name is not quoted anywhere, so it must not need to be.
var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)

// Validate returns an error that begins with the name of the field at fault, nil if
// there is none.
func (c Config) Validate() error {
	switch {
	case c.Table != "" && !name.MatchString(c.Table):
		return fmt.Errorf("Table: %q is no plain name of a table", c.Table) //nolint:staticcheck // begins with the field
	case c.Retention < 0 || c.Retention > 0 && c.Retention < MinRetention:
		return fmt.Errorf("Retention: %v is less than %v", c.Retention, MinRetention) //nolint:staticcheck // begins with the field
	}
	return nil
}
