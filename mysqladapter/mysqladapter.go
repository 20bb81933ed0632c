// Package mysqladapter gives Reprise MySQL and MariaDB, through
// github.com/go-sql-driver/mysql.
//
//	db, err := mysqladapter.Open("app:secret@tcp(db:3306)/app", mysqladapter.Config{})
//	r.Use(middleware.New(db, middleware.Config{}))
//
// Handlers hold a genuine [sql.Tx], see [Tx]. What these servers do behind the back
// of a transaction is taken care of:
//
//   - After a deadlock (1213) the server has dropped the transaction already, and
//     would run the next statement in autocommit. It is refused.
//   - After a lock wait timeout (1205) it has undone the statement alone. The attempt
//     is rolled back as a whole.
//   - A statement whose context ends goes on running, and holding its locks, since
//     the driver only hangs up. Its session is killed, by a connection of its own.
//   - Data definition commits what came before it. An attempt with such a statement
//     is never replayed, and neither is one with CALL, since nobody can see into a
//     procedure. Create tables in migrations.
package mysqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/go-sql-driver/mysql"

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

	_ struct{}
}

// DB runs attempts on a MySQL or MariaDB database. It implements [txctx.DB]. Close
// it.
type DB struct{ *sqladapter.DB }

var _ txctx.DB = (*DB)(nil)

// Open returns a DB on the server that dsn names, in the form of
// github.com/go-sql-driver/mysql. It does no I/O. The error names what is wrong
// with the DSN and never holds the password.
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
	return New(connector, cfg), nil
}

// New returns a DB on a new pool of c's connections. New panics if c is nil.
func New(c driver.Connector, cfg Config) *DB {
	if c == nil {
		panic("mysqladapter: New: connector is nil")
	}
	classify := cfg.Classify.Or(Classify)
	known := &connector{Connector: c}
	return &DB{sqladapter.New(known, sqladapter.Config{
		Classify:  classify,
		TxOptions: cfg.TxOptions,
		Fence:     fence,
		Abandoned: known.kill,
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
