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
// processes are waited for as busy_timeout says.
//
// A statement whose context ends takes the whole transaction with it: SQLite rolls
// it back. The attempt then fails with the context's cause, and what its handler
// sends afterwards is refused, where SQLite by itself would run it without any
// transaction.
package sqliteadapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"modernc.org/sqlite"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// Config says how errors are judged. The zero value is ready.
type Config struct {
	// Classify is asked first about every error of the database; None leaves the
	// verdict to the package's Classify. none
	Classify retryable.Classifier

	_ struct{}
}

// DB runs attempts on a SQLite database. It implements [txctx.DB]. Close it.
type DB struct{ *sqladapter.DB }

var _ txctx.DB = (*DB)(nil)

// Open returns a DB on the database that dsn names: a path, or a DSN of
// modernc.org/sqlite such as "file:app.db?_pragma=synchronous(1)". What the DSN
// does not say is set to busy_timeout(5000), journal_mode(WAL) and
// foreign_keys(1). ":memory:" is a database of one connection.
//
// Open does no I/O: a file that cannot be opened, or a parameter that SQLite does
// not know, fails the first use. Ping [sqladapter.DB.SQL] at start. The error names
// what is wrong with the DSN.
func Open(dsn string, cfg Config) (*DB, error) {
	full, memory, err := complete(dsn)
	if err != nil {
		return nil, err
	}
	c, err := sqlite.NewConnector(full)
	if err != nil {
		return nil, fmt.Errorf("sqliteadapter: Open: %w", err)
	}
	db := New(c, cfg)
	if memory {
		db.SQL().SetMaxOpenConns(1) // each connection would be a database of its own
		db.SQL().SetConnMaxLifetime(0)
	}
	return db, nil
}

// New returns a DB on a new pool of c's connections, which must be those of
// modernc.org/sqlite and begin IMMEDIATE (_txlock=immediate). New panics if c is
// nil.
func New(c driver.Connector, cfg Config) *DB {
	if c == nil {
		panic("sqliteadapter: New: connector is nil")
	}
	classify := cfg.Classify.Or(Classify)
	queued := &connector{Connector: c, writer: make(chan struct{}, 1)}
	return &DB{sqladapter.New(queued, sqladapter.Config{Classify: classify})}
}

// complete returns dsn with the defaults that it does not set, and whether the
// database is in memory.
func complete(dsn string) (full string, memory bool, err error) {
	path, query, _ := strings.Cut(dsn, "?")
	if strings.TrimPrefix(path, "file:") == "" {
		return "", false, fmt.Errorf("sqliteadapter: Open: the DSN %q names no file", dsn)
	}
	if scheme, _, ok := strings.Cut(path, "://"); ok && scheme != "file" {
		return "", false, fmt.Errorf("sqliteadapter: Open: unknown scheme %q in the DSN", scheme)
	}
	memory = strings.Contains(path, ":memory:") || strings.Contains(query, "mode=memory")
	for _, d := range []struct{ key, param string }{
		{"busy_timeout", "_pragma=busy_timeout(5000)"},
		{"journal_mode", "_pragma=journal_mode(WAL)"},
		{"foreign_keys", "_pragma=foreign_keys(1)"},
		{"_txlock", "_txlock=immediate"},
	} {
		if !strings.Contains(query, d.key) {
			query = strings.TrimPrefix(query+"&"+d.param, "&")
		}
	}
	return path + "?" + query, memory, nil
}

// Tx returns the transaction of the attempt that ctx belongs to; see
// [sqladapter.Tx].
func Tx(ctx context.Context) *sql.Tx { return sqladapter.Tx(ctx) }

// From returns the transaction of the attempt that ctx belongs to, and whether
// there is one.
func From(ctx context.Context) (*sql.Tx, bool) { return sqladapter.From(ctx) }

// WithTx returns a copy of ctx in which [Tx] finds tx, for unit tests of handlers.
func WithTx(ctx context.Context, tx *sql.Tx) context.Context { return sqladapter.WithTx(ctx, tx) }
