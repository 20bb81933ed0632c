package pgadapter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/txctx"
)

const engine = "postgres"

var _ txctx.KeyKeeper = (*DB)(nil)

var errNoLedger = errors.New("pgadapter: there is no ledger: Config.Ledger.Table is empty")

// MigrateLedger creates the table of the ledger if it is not there. Two servers may do
// it at the same time. The error says so where Config.Ledger is empty.
func (db *DB) MigrateLedger(ctx context.Context) error {
	if !db.cfg.Ledger.On() {
		return errNoLedger
	}
	// IF NOT EXISTS alone lets two who come together fail each other.
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, "reprise "+db.cfg.Ledger.Table); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, db.cfg.Ledger.Schema(engine))
		return err
	})
	if err != nil {
		return fmt.Errorf("pgadapter: MigrateLedger: %w", err)
	}
	return nil
}

// PurgeLedger deletes the rows that are older than Config.Ledger.Retention, in batches,
// and returns how many it has deleted, also with an error.
func (db *DB) PurgeLedger(ctx context.Context) (deleted int64, err error) {
	if !db.cfg.Ledger.On() {
		return 0, errNoLedger
	}
	purge := db.cfg.Ledger.Book(engine).Purge()
	for {
		tag, err := db.pool.Exec(ctx, purge)
		deleted += tag.RowsAffected()
		if err != nil {
			return deleted, fmt.Errorf("pgadapter: PurgeLedger: %w", err)
		}
		if tag.RowsAffected() < ledger.PurgeBatch {
			return deleted, nil
		}
	}
}

// KeepsKeys implements [txctx.KeyKeeper]: for Config.Ledger.Retention, where there is a
// ledger.
func (db *DB) KeepsKeys() (retention time.Duration, ok bool) {
	if !db.cfg.Ledger.On() || db.cfg.TxOptions.AccessMode == pgx.ReadOnly {
		return 0, false
	}
	return db.book.Retention(), true
}

// commitQuery returns what ends the transaction: COMMIT, in one message with the row of
// the ledger, or with the answer for the row that was written with a key. If the row
// cannot be written, the server does not go on to COMMIT.
func (w *work) commitQuery() string {
	query := "commit"
	if q := w.db.cfg.TxOptions.CommitQuery; q != "" {
		query = q
	}
	switch answer := w.c.Answer(); {
	case answer != nil:
		query = w.db.book.Keep(w.c.RunID(), w.c.Number(), ledger.Answer(*answer)) + "; " + query
	case w.mode.records:
		query = w.db.book.Mark(w.c.RunID(), w.c.Number()) + "; " + query
	}
	return query
}
