// Package mysqladapter gives Reprise MySQL and MariaDB, through
// github.com/go-sql-driver/mysql.
//
//	db, err := mysqladapter.Open("app:secret@tcp(db:3306)/app", mysqladapter.Config{})
//	r.Use(middleware.New(db, middleware.Config{}))
//
// Handlers hold a genuine [sql.Tx], see [Tx]. What these servers do behind the back
// of a transaction is taken care of:
//
//   - After a deadlock (1213), or a snapshot conflict of MariaDB's (1020), the server
//     has dropped the transaction already, and would run the next statement in
//     autocommit. It is refused.
//   - After a lock wait timeout (1205) it has undone the statement alone, or with
//     innodb_rollback_on_timeout everything. The attempt is rolled back as a whole.
//   - A statement whose context ends goes on running, and holding its locks, since
//     the driver only hangs up. Its session is killed, by a connection of its own.
//   - Data definition commits what came before it. An attempt with such a statement
//     is never replayed, and neither is one with CALL, since nobody can see into a
//     procedure. Create tables in migrations.
//   - A server that has become read-only (1290, 1836, 1874, or 1792 where READ ONLY
//     was not asked for) is taken for one that failed over: the request is replayed,
//     and no connection made before is used again.
//
// # NOWAIT
//
// MySQL answers a NOWAIT that finds the row locked with an error of its own (3572).
// It dooms the attempt only if it leaves the handler; one that answers 409 instead, or
// takes another row, has its way. MariaDB answers 1205, as for a lock that was
// waited for, and may have lost the transaction over it; so it dooms. A handler that
// can live with it, on either server, takes NOWAIT in a savepoint that it then rolls
// back, or calls [txctx.Rollback]. SKIP LOCKED meets no error on either.
//
// # Ledger
//
// With Config.Ledger the outcome of a COMMIT whose answer was lost is looked up: the row
// of the attempt says. It costs an attempt that writes one more round trip, right before
// COMMIT, and the others nothing; CALL, and SELECT of a function that the package does
// not know, count as writes. A server that is read-only is not believed. A session that
// still holds the row after a second, because its network went silent, is killed. Looking
// takes a connection that is not of the pool.
//
// A run with a key, see [txctx.Key], waits for another with the same one for whole
// seconds, and for one at least: less cannot be said to the server. Its row is one round
// trip of its own, three on MySQL, and its answer another. The answer travels in hex, so
// max_allowed_packet must be more than twice the longest. A statement that commits
// implicitly commits the key without its answer: such runs must have none.
//
// # Round trips
//
// Transactions begin by themselves, under autocommit=0, so BEGIN costs nothing. A
// connection whose last transaction had another isolation level or access mode, or which
// was used outside of attempts meanwhile, is set by one round trip; outside of attempts it
// is always as the program made it. autocommit cannot be set inside an attempt.
//
// A statement with arguments is prepared once on a connection, which keeps the last 64,
// instead of each time; interpolateParams=true needs no statements at all.
//
// # Connections
//
// What the driver sends without a context, COMMIT and ROLLBACK, is sent under one, so
// that Policy.CommitTimeout holds. Making a connection, from the dial to the first
// answers, takes at most the DSN's timeout, 10 s where it has none. What a handler sets
// for the session, and locks of GET_LOCK, outlive its transaction. Under [sql.Conn.Raw]
// the driver's own connection is two Raw methods deep.
//
// All other parameters of the DSN are the program's: with parseTime=true, columns of
// dates can be scanned into time.Time; rejectReadOnly=true is not needed, and hides
// from Reprise why a connection was given up, so that a write in a READ ONLY
// transaction is replayed in vain. multiStatements=true is refused.
package mysqladapter

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// Config says how transactions are begun and errors judged. The zero value is
// ready.
type Config struct {
	// TxOptions are those of every transaction. ReadOnly is set for requests that
	// the middleware runs READ ONLY. The server's defaults
	TxOptions sql.TxOptions

	// Classify is asked first about every error of the database; None leaves the
	// verdict to the package's Classify. none
	Classify retryable.Classifier

	// StartTransaction begins transactions by START TRANSACTION, with SET TRANSACTION
	// before it where there is an isolation level: for proxies that do not understand
	// autocommit=0. false
	StartTransaction bool

	// Ledger is where requests record that they happened, so that the outcome of a
	// COMMIT whose answer was lost can be looked up. Its table is made by
	// MigrateLedger, in InnoDB. no ledger
	Ledger ledger.Config

	_ struct{}
}

// DB runs attempts on a MySQL or MariaDB database. It implements [txctx.DB]. Close
// it.
type DB struct{ *sqladapter.DB }

var _ txctx.DB = (*DB)(nil)

// Open returns a DB on the server that dsn names, in the form of
// github.com/go-sql-driver/mysql. It does no I/O. The error names what is wrong
// with the DSN and never holds the password. Open panics as New does.
func Open(dsn string, cfg Config) (*DB, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("mysqladapter: Open: %w", err)
	}
	if c.MultiStatements {
		return nil, fmt.Errorf("mysqladapter: Open: multiStatements=true is refused: it turns every injected quote into a statement")
	}
	c.Logger = &mysql.NopLogger{} // every loss is returned, too
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("mysqladapter: Open: %w", err)
	}
	return open(connector, cmp.Or(c.Timeout, connectTimeout), cfg), nil
}

// New returns a DB on a new pool of c's connections. New panics if c is nil or
// cfg.Ledger is invalid.
func New(c driver.Connector, cfg Config) *DB {
	if c == nil {
		panic("mysqladapter: New: connector is nil")
	}
	return open(c, connectTimeout, cfg)
}

func open(c driver.Connector, limit time.Duration, cfg Config) *DB {
	if err := cfg.Ledger.Validate(); err != nil {
		panic("mysqladapter: New: Config.Ledger." + err.Error())
	}
	known := &connector{c, limit, cfg.StartTransaction}
	return &DB{sqladapter.New(known, sqladapter.Config{
		Classify:  cfg.Classify.Or(Classify),
		TxOptions: cfg.TxOptions,
		Unusable:  unusable,
		Fence:     fence,
		Deferred:  deferred,
		DrainRows: true,
		Abandoned: known.kill,
		Ledger:    known.ledger(cfg.Ledger),
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
