// Package sqliteadapter gives Reprise SQLite, through modernc.org/sqlite: a
// database in a file, without a server and without cgo.
//
//	db, err := sqliteadapter.Open("app.db", sqliteadapter.Config{})
//	r.Use(middleware.New(db, middleware.Config{ReadOnly: middleware.SafeMethods}))
//
// Handlers hold a genuine [sql.Tx], see [Tx].
//
// SQLite has one writer at a time. Transactions that may write begin IMMEDIATE,
// and wait for each other in a queue instead of polling for the lock; READ ONLY
// ones begin DEFERRED, do not wait, and are refused to write by SQLite. So let
// requests that only read say so: Config.ReadOnly of the middleware. Other
// processes are waited for as busy_timeout says. Begin no second transaction within
// a request's own, by [sqladapter.DB.SQL]: it would wait for itself, and is refused
// after 5 s and busy_timeout.
//
// A statement whose context ends takes the whole transaction with it, and so does
// INSERT OR ROLLBACK where a constraint fails: SQLite rolls it back. What the handler
// sends afterwards is refused, where SQLite by itself would run it without any
// transaction, and the attempt fails with the cause.
//
// With Config.Ledger the outcome of a COMMIT that nobody knows, because the file or its
// locks failed in the middle of it, is looked up: the row of the attempt says. It is
// one more statement, and one more row in the same transaction, for an attempt that
// writes. The file is opened anew for that; a database in memory is gone by then.
//
// Runs with a key, see [txctx.Key], wait for each other as all writers do, in the queue,
// and then find the answer: Key.Wait changes nothing, and none is txctx.ErrKeyInUse.
package sqliteadapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"modernc.org/sqlite"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// Config says how transactions are begun and errors judged. The zero value is
// ready.
type Config struct {
	// TxOptions are those of every transaction. ReadOnly is also set for requests
	// that the middleware runs READ ONLY. Every transaction of SQLite is
	// serializable; no other Isolation can be asked for. read and write
	TxOptions sql.TxOptions

	// Classify is asked first about every error of the database; None leaves the
	// verdict to the package's Classify. none
	Classify retryable.Classifier

	// Ledger is where requests record that they happened, so that the outcome of a
	// COMMIT that failed half-way can be looked up. Its table is made by
	// MigrateLedger. no ledger
	Ledger ledger.Config

	_ struct{}
}

// DB runs attempts on a SQLite database. It implements [txctx.DB]. Close it.
type DB struct{ *sqladapter.DB }

var _ txctx.DB = (*DB)(nil)

// Open returns a DB on the database that dsn names: a path, or a DSN of
// modernc.org/sqlite such as "file:app.db?_pragma=synchronous(1)". What the DSN
// does not say is set as [Connector] does.
//
// A database in memory has one connection, since each would be a database of its
// own; it lives until Close.
//
// Open does no I/O: a file that cannot be opened, or a parameter that SQLite does
// not know, fails the first use. Ping [sqladapter.DB.SQL] at start. The error names
// what is wrong with the DSN. Open panics as New does.
func Open(dsn string, cfg Config) (*DB, error) {
	d, err := parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("sqliteadapter: Open: %w", err)
	}
	c, err := sqlite.NewConnector(d.complete())
	if err != nil {
		return nil, fmt.Errorf("sqliteadapter: Open: %w", err)
	}
	db := New(c, cfg)
	if d.inMemory() {
		db.SQL().SetMaxOpenConns(1)
		db.SQL().SetConnMaxLifetime(0)
	}
	return db, nil
}

// Connector returns the driver's connector for dsn, with what New needs, for those
// who put something of their own between the two, such as instrumentation. What the
// DSN does not say is set to busy_timeout(5000), journal_mode(WAL), foreign_keys(1)
// and _txlock=immediate. The journal stays as it is where the DSN says mode=ro,
// immutable or vfs.
func Connector(dsn string) (driver.Connector, error) {
	d, err := parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("sqliteadapter: Connector: %w", err)
	}
	c, err := sqlite.NewConnector(d.complete())
	if err != nil {
		return nil, fmt.Errorf("sqliteadapter: Connector: %w", err)
	}
	return c, nil
}

// New returns a DB on a new pool of c's connections, which must be those of
// modernc.org/sqlite and begin IMMEDIATE, as [Connector]'s do. Where something has
// wrapped them, it has to have a method Raw() driver.Conn for what is beneath. The
// rollback hook of the connections is taken.
//
// New panics if c is nil, if TxOptions.Isolation is neither [sql.LevelDefault] nor
// [sql.LevelSerializable], or if cfg.Ledger is invalid.
func New(c driver.Connector, cfg Config) *DB { return newDB(c, cfg, patience) }

func newDB(c driver.Connector, cfg Config, patience time.Duration) *DB {
	if c == nil {
		panic("sqliteadapter: New: connector is nil")
	}
	if i := cfg.TxOptions.Isolation; i != sql.LevelDefault && i != sql.LevelSerializable {
		panic(fmt.Sprintf("sqliteadapter: New: Config.TxOptions.Isolation is %v: SQLite knows Serializable only", i))
	}
	if err := cfg.Ledger.Validate(); err != nil {
		panic("sqliteadapter: New: Config.Ledger." + err.Error())
	}
	queued := &connector{Connector: c, writers: newQueue(patience)}
	return &DB{sqladapter.New(queued, sqladapter.Config{
		Classify:  cfg.Classify.Or(Classify),
		Unusable:  unusable,
		TxOptions: cfg.TxOptions,
		Ledger:    ledgerOf(cfg.Ledger),
	})}
}

// Tx returns the transaction of the attempt that ctx belongs to; see
// [sqladapter.Tx].
func Tx(ctx context.Context) *sql.Tx { return sqladapter.Tx(ctx) }

// From returns the transaction of the attempt that ctx belongs to, and whether
// there is one.
func From(ctx context.Context) (*sql.Tx, bool) { return sqladapter.From(ctx) }

// WithTx returns a copy of ctx in which [Tx] finds tx, for unit tests of handlers.
func WithTx(ctx context.Context, tx *sql.Tx) context.Context { return sqladapter.WithTx(ctx, tx) }
