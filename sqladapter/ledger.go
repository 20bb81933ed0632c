package sqladapter

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/ledger"
)

// Ledger is the table in which attempts record that they happened, see package ledger,
// and what must be known of its database. The zero value is no ledger.
//
// The row is written right before COMMIT, where a statement of the attempt may have
// written something: where none was more than a plain SELECT or the like. That is one
// more round trip for such an attempt. A function that writes, called by a view,
// is not noticed: no attempt must have that for its only write.
//
// Where a run has a key, see [txctx.Key], the row is written first, whatever comes then,
// and the answer is added to it right before COMMIT: two more round trips, and those of
// Bound.
type Ledger struct {
	// Book is the ledger in the language of the database. none, and no ledger
	Book ledger.Book

	// Duplicate reports whether an error says that there is a row of that key
	// already. Required
	Duplicate func(error) bool

	// Hurry is a statement after which a connection waits for locks no longer than
	// some second. It is sent on connections that are then closed. none
	Hurry string

	// Writable is a query that answers 1 where the server takes writes. One that
	// does not, and may lag behind, is no witness. none
	Writable string

	// EndOwner ends the session of a connection that was given up, and is alive on the
	// server: it has locked the row for longer than Hurry's second. It is asked again if
	// that does not help. none
	EndOwner func(ctx context.Context, gone driver.Conn)

	// Bound returns the statement that claims a key so that it waits for the locks of
	// others about as long as wait, and what is to be sent before it and after it, ""
	// for nothing. When it has waited for so long, the error must be one that Classify
	// calls LockTimeout. server is what the connection says as [Server]. Leave it out
	// where writers wait for each other at BEGIN, and not at rows. none: claims wait as
	// long as all statements do, and what they meet is never txctx.ErrKeyInUse
	Bound func(server, claim string, wait time.Duration) (before, bounded, after string)

	// Renew is a statement that makes a transaction in which a statement has failed,
	// as Duplicate, see what is committed by now. It is sent in transactions that are
	// then rolled back. none: they do so by themselves
	Renew string

	_ struct{}
}

// on reports whether there is a ledger.
func (l *Ledger) on() bool { return l.Book != ledger.Book{} }

var errNoLedger = errors.New("sqladapter: there is no ledger: Config.Ledger is empty")

// KeepsKeys implements [txctx.KeyKeeper]: for the ledger's Retention, where there is one.
func (db *DB) KeepsKeys() (retention time.Duration, ok bool) {
	if !db.cfg.Ledger.on() || db.cfg.TxOptions.ReadOnly {
		return 0, false
	}
	return db.cfg.Ledger.Book.Retention(), true
}

// MigrateLedger creates the table of the ledger if it is not there. Two servers may do
// it at the same time. The error says so where there is no ledger.
func (db *DB) MigrateLedger(ctx context.Context) error {
	if !db.cfg.Ledger.on() {
		return errNoLedger
	}
	create := db.cfg.Ledger.Book.Create()
	_, err := db.do(ctx, create)
	if err != nil && ctx.Err() == nil {
		// IF NOT EXISTS of PostgreSQL lets two who come together fail each other; by
		// then one is done.
		_, err = db.do(ctx, create)
	}
	if err != nil {
		return fmt.Errorf("sqladapter: MigrateLedger: %w", err)
	}
	return nil
}

// PurgeLedger deletes the rows that are older than the ledger's Retention, in batches
// with a transaction each, and returns how many it has deleted, also with an error.
func (db *DB) PurgeLedger(ctx context.Context) (deleted int64, err error) {
	if !db.cfg.Ledger.on() {
		return 0, errNoLedger
	}
	for {
		n, err := db.do(ctx, db.cfg.Ledger.Book.Purge())
		deleted += n
		if err != nil {
			return deleted, fmt.Errorf("sqladapter: PurgeLedger: %w", err)
		}
		if n < ledger.PurgeBatch {
			return deleted, nil
		}
	}
}

// do runs a statement in a transaction of its own: some databases have writers queue
// when they begin.
func (db *DB) do(ctx context.Context, query string) (rows int64, err error) {
	tx, err := db.pool.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	res, err := tx.ExecContext(ctx, query)
	if err != nil {
		return 0, err
	}
	if rows, err = res.RowsAffected(); err != nil {
		rows = 0 // of what creates tables, for some
	}
	return rows, tx.Commit()
}
