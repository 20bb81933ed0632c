// Package pgadapter gives Reprise PostgreSQL through pgx's connection pool.
//
//	db := pgadapter.New(pool, pgadapter.Config{
//		TxOptions: pgx.TxOptions{IsoLevel: pgx.Serializable},
//	})
//	r.Use(middleware.New(db, middleware.Config{}))
//
// A handler asks the request's context for its transaction and uses it as any
// [pgx.Tx]:
//
//	tx := pgadapter.Tx(r.Context())
//	err := tx.QueryRow(r.Context(), `select balance from account where id=$1`, id).Scan(&balance)
//
// The transaction begins with its first statement. It sees every error, also
// those the handler swallows: once one of them dooms the attempt, every further
// statement is refused without I/O, with the error that doomed it. What goes
// through [pgx.Tx.Conn] or a [pgx.LargeObjects] passes it by; there a failed
// transaction is noticed at its end, and the error the handler returned is the
// one that is judged.
//
// A transaction belongs to its attempt: Commit and Rollback answer
// [txctx.ErrManaged], and a goroutine that kept it beyond the attempt gets
// [txctx.ErrAttemptOver]. Begin makes a savepoint, as it does with pgx; those are
// the handler's to commit or roll back.
//
// A statement runs under the context it was given. If that context ends while the
// statement runs, pgx gives up the connection, and the attempt fails with the
// context's cause: it is no disconnection.
package pgadapter

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Config says how transactions are begun and errors judged. The zero value is
// ready.
type Config struct {
	// TxOptions are those of every transaction. AccessMode becomes ReadOnly for
	// requests that the middleware runs READ ONLY. The server's defaults
	TxOptions pgx.TxOptions

	// Classify is asked first about every error of the database; None leaves the
	// verdict to the package's Classify. none
	Classify retryable.Classifier

	// Ledger is where requests record that they happened, so that the outcome of a
	// COMMIT whose answer was lost can be looked up. Its table is made by
	// MigrateLedger. no ledger
	Ledger ledger.Config

	_ struct{}
}

// DB runs attempts on a pool. It implements [txctx.DB].
type DB struct {
	pool *pgxpool.Pool
	cfg  Config // Classify is never nil
	book ledger.Book
}

var _ txctx.DB = (*DB)(nil)

// New returns a DB on pool, which stays the caller's to close. New panics if
// pool is nil or cfg.Ledger is invalid.
func New(pool *pgxpool.Pool, cfg Config) *DB {
	if pool == nil {
		panic("pgadapter: New: pool is nil")
	}
	if err := cfg.Ledger.Validate(); err != nil {
		panic("pgadapter: New: Config.Ledger." + err.Error())
	}
	cfg.Classify = cfg.Classify.Or(Classify)
	db := &DB{pool: pool, cfg: cfg}
	if cfg.Ledger.On() {
		db.book = cfg.Ledger.Book(engine)
	}
	return db
}

// Begin implements [txctx.DB]. It does no I/O.
func (db *DB) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	w := &work{db: db, c: c}
	w.root = scope{w: w}
	ctx = WithTx(ctx, &w.root)
	w.ctx = ctx
	if w.recorded() {
		return ctx, recordedWork{w}
	}
	return ctx, w
}
