// Package sqladapter gives Reprise any database/sql driver: it wraps the driver's
// connector, so that every error of a transaction is seen where the driver
// returns it, while handlers hold a genuine [sql.Tx] that any library takes.
//
//	db := sqladapter.New(stdlib.GetConnector(cfg), sqladapter.Config{
//		Classify: pgadapter.Classify,
//		Unusable: pgadapter.Unusable, // these two may be left out: they save a few requests
//		Severed:  pgadapter.Severed,
//	})
//	r.Use(middleware.New(db, middleware.Config{}))
//
//	func handler(w http.ResponseWriter, r *http.Request) error {
//		_, err := sqladapter.Tx(r.Context()).ExecContext(r.Context(), `update ...`)
//		return err
//	}
//
// The transaction begins with the first [Tx] of an attempt. Where that fails, Tx
// returns a transaction all the same, whose every statement answers why. A doomed
// transaction refuses statements without I/O, with the error that doomed it.
//
// The transaction is Reprise's to end. A handler's own Commit rolls back and
// fails the request with [txctx.ErrManaged]; so do its own Rollback, and COMMIT or
// ROLLBACK sent as text, which are refused. Savepoints sent as text are the
// handler's own.
//
// After an error that Classify calls retryable.Failover no connection made before is
// used again, in attempts or outside: it would lead to the same server. COMMIT and
// ROLLBACK end with Policy.CommitTimeout as far as the driver lets them, see
// [ContextTx].
//
// With Config.Ledger the outcome of a COMMIT whose answer was lost is looked up, see
// [Ledger].
//
// [DB.SQL] is the pool for everything outside of requests; there the wrapper
// passes everything through. Who needs the driver's own connection, by
// [sql.Conn.Raw], asks for its Raw method.
package sqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"

	"github.com/reprise-go/reprise/internal/sqltext"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Config says how transactions are begun and errors judged.
type Config struct {
	// Classify judges the driver's errors. At phase Commit it must not call
	// anything a reason to replay but the server's own refusal. Required
	Classify retryable.Classifier

	// TxOptions are those of every transaction. ReadOnly is set for requests that
	// the middleware runs READ ONLY. The driver's defaults
	TxOptions sql.TxOptions

	// Fence says why a statement forbids replays, "" if it does not: what it does
	// is not undone by a rollback. It is asked once for a text that comes again and
	// again, from any goroutine. none
	Fence func(query string) string

	// Unusable reports whether the connection must not be used again after an error,
	// besides those that Classify calls Disconnected or Failover. none
	Unusable func(retryable.Fault) bool

	// Severed reports whether the server has closed a connection that looks alive. It
	// is asked before COMMIT, whose outcome nobody could tell afterwards; it must not
	// wait. A driver's Validator is asked, too. none
	Severed func(driver.Conn) bool

	// Deferred picks, of the errors that Classify gives a reason, those that handlers
	// ask for and live with, such as NOWAIT's. They doom the attempt only when they
	// leave the handler, returned, thrown or given to Fail; a handler that looks away
	// commits. The server must have undone that statement alone. none
	Deferred func(error) bool

	// DrainRows is for drivers whose Rows.Close reads what is left without watching
	// the context of the query, and would do so for ever where the network is silent.
	// Before Close the rows are read to their end by Next, with no destination. false
	DrainRows bool

	// Abandoned is told about a connection that the driver gave up because the
	// context of a statement ended, so that it can end what the server may still
	// be doing. It runs in the middle of the statement and must be quick. none
	Abandoned func(driver.Conn)

	// Ledger is where attempts record that they happened, so that the outcome of a
	// COMMIT whose answer was lost can be looked up. no ledger
	Ledger Ledger

	_ struct{}
}

// DB runs attempts on a database/sql pool. It implements [txctx.DB]. Close it.
type DB struct {
	connector driver.Connector
	pool      *sql.DB
	cfg       Config
	gate      txctx.Gate
	texts     *sqltext.Memo[text]
}

var (
	_ txctx.Gated     = (*DB)(nil)
	_ txctx.KeyKeeper = (*DB)(nil)
)

// New returns a DB on a new pool of c's connections. New panics if c or cfg.Classify is
// nil, or cfg.Ledger has a Book and no Duplicate.
func New(c driver.Connector, cfg Config) *DB {
	if c == nil {
		panic("sqladapter: New: connector is nil")
	}
	if cfg.Classify == nil {
		panic("sqladapter: New: Config.Classify is nil")
	}
	if cfg.Ledger.on() && cfg.Ledger.Duplicate == nil {
		panic("sqladapter: New: Config.Ledger.Duplicate is nil")
	}
	db := &DB{connector: c, pool: sql.OpenDB(connector{c, new(atomic.Uint64)}), cfg: cfg}
	db.texts = sqltext.NewMemo(db.cfg.read)
	return db
}

// SQL returns the pool, for everything outside of requests: migrations, health
// checks, settings of the pool.
func (db *DB) SQL() *sql.DB { return db.pool }

// Close closes the pool.
func (db *DB) Close() error { return db.pool.Close() }

// Begin implements [txctx.DB]. It does no I/O.
func (db *DB) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	w := &work{db: db, c: c}
	w.ctx, w.cancel = context.WithCancelCause(context.WithValue(ctx, txKey{}, w))
	if w.recorded() {
		return w.ctx, recordedWork{w}
	}
	return w.ctx, w
}

// options returns the options to begin with.
func (w *work) options() *sql.TxOptions {
	o := w.db.cfg.TxOptions
	o.ReadOnly = o.ReadOnly || w.c.ReadOnly()
	return &o
}

// mark judges err and returns it marked, unchanged if it is no reason to replay.
func (w *work) mark(err error, phase retryable.Phase) error {
	reason := w.db.cfg.Classify(w.fault(err, phase))
	if reason == retryable.None {
		return err
	}
	return &retryable.Error{Reason: reason, Err: err}
}

func (w *work) fault(err error, phase retryable.Phase) retryable.Fault {
	f := retryable.Fault{Err: err, Phase: phase, ReadOnly: w.db.cfg.TxOptions.ReadOnly || w.c.ReadOnly()}
	if w.begun != nil && phase != retryable.Connect {
		if s, ok := w.begun.conn.inner.(Server); ok {
			f.Server = s.ServerVersion()
		}
	}
	return f
}

// Server is what drivers' connections may implement to tell classifiers whom they
// talk to, as [retryable.Fault].Server.
type Server interface{ ServerVersion() string }
