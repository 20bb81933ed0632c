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
// BEGIN costs no round trip: it travels in one message with the first statement of
// Exec, Query, QueryRow or SendBatch, in every query execution mode. It goes by
// itself before CopyFrom, Prepare, Conn, large objects and savepoints, before a
// statement with option arguments such as [pgx.QueryExecMode], before a text that
// has a COMMIT in it, and where TxOptions.BeginQuery is set. A first statement that
// cannot be prepared fails the transaction as it always does, although the server
// never heard of one. Query tracers are told of the statement alone; a
// [pgx.BatchTracer] also of the batch it went in.
//
// A transaction belongs to its attempt: Commit and Rollback answer
// [txctx.ErrManaged], and a goroutine that kept it beyond the attempt gets
// [txctx.ErrAttemptOver]. Begin makes a savepoint, as it does with pgx; those are
// the handler's to commit or roll back.
//
// A statement runs under the context it was given. If that context ends while the
// statement runs, pgx gives up the connection, and the attempt fails with the
// context's cause: it is no disconnection.
//
// # Plain reads
//
// An attempt that has only read does not wait for its end: the answer leaves while COMMIT,
// or ROLLBACK, is on its way, and the connection goes back into the pool after that, for
// which closing the pool waits. That is so where TxOptions.IsoLevel is [pgx.ReadCommitted]
// or [pgx.RepeatableRead], the transaction is READ ONLY, as the middleware's are with
// Config.ReadOnly, every statement was a plain SELECT or SHOW, and no AfterCommit function
// is registered; on PostgreSQL itself, not on those that imitate it. A level that is not
// named, or SERIALIZABLE, may refuse at COMMIT, and is waited for. So is everything with
// [Config].WaitForReads.
//
// That end is not even sent at once: for up to half a millisecond it waits for the next
// transaction to begin on the same connection, and goes in one message with that one's
// BEGIN, or becomes its BEGIN as COMMIT AND CHAIN. So under load a read costs one round
// trip, what a query without transaction costs. A connection goes from one transaction to the
// next for 10 ms at most before it is back in the pool, so that others who wait for it, or
// for the pooler's, get their turn; where the pool has a PrepareConn, BeforeAcquire or
// AfterRelease, it goes back after every transaction. A pool that is used by others, too,
// needs connections to spare for it.
//
// # Outages
//
// While the database cannot be reached, one probe dials past the pool, and attempts wait
// for it or fail at once: see [txctx.Gate]. What pgx itself has begun to dial it goes on
// dialing, up to connect_timeout, which is two minutes unless the connection string says
// otherwise, and the pool has no room for others meanwhile: set connect_timeout=5 or so.
// With several hosts, set target_session_attrs=read-write, too.
//
// # The outcome of COMMIT
//
// Where COMMIT was sent and its answer lost, the adapter asks PostgreSQL itself what
// became of the transaction; no table is needed. For that it learns the transaction's
// number, by a query that goes in one message with the first statement that may write,
// and, once in the life of a connection, a token of the server's incarnation. What plainly reads (a SELECT
// without functions that may write, a SHOW) and READ ONLY transactions go without, and
// take no number. CopyFrom, large objects and Conn cost a round trip more if the number is
// not known by then, and so does COMMIT after NOTIFY and nothing else. The first
// transaction on a new connection that may write costs one more: functions that a server
// lacks must not fail a transaction.
//
// After a lost answer a new connection asks a server that takes writes. If the
// transaction is in progress because nobody has told the server of the loss, its session
// is ended, which needs no privilege beyond the role's own; a COMMIT that waits for a
// synchronous standby is left alone. "Committed" and "aborted" count under the same token
// only: after a crash, a restart, a promotion, or a reset of the background writer's
// statistics the outcome stays unknown, since PostgreSQL may have given the number to
// another transaction. So it does where nothing was sent but what plainly reads (a view
// may write all the same), on servers that lack the functions (before PostgreSQL 13,
// CockroachDB, YugabyteDB), and where [Config].NoVerdict is set. With a ledger, that is
// asked instead: it survives all of these.
//
// Committed means what it means to the server: with synchronous_commit off, a crash may
// take a transaction back that was found committed, as any that was acknowledged.
package pgadapter

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/sqltext"
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

	// NoVerdict leaves the outcome of a COMMIT whose answer was lost unknown where there
	// is no ledger. false: it is found out from PostgreSQL itself, see the package comment
	NoVerdict bool

	// WaitForReads holds the answer to plain reads until COMMIT is confirmed, as all others
	// are. false: see the package comment
	WaitForReads bool

	_ struct{}
}

// DB runs attempts on a pool. It implements [txctx.DB].
type DB struct {
	pool *pgxpool.Pool
	cfg  Config // Classify is never nil
	book ledger.Book

	maxConns    int32             // of the pool
	execMode    pgx.QueryExecMode // of the pool
	tracer      pgx.QueryTracer   // of the pool, nil if none
	batchTracer bool              // it is a pgx.BatchTracer, too
	texts       *sqltext.Memo[*reading]
	modes       [2]mode // READ WRITE, or what the configuration says, and READ ONLY
	rests       bool
	resting     resting
	gate        txctx.Gate
	failovers   atomic.Uint64
	untraceable atomic.Bool // some server does not know what the probe has found
}

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
	pooled := pool.Config()
	conn := pooled.ConnConfig
	db := &DB{pool: pool, cfg: cfg, maxConns: pooled.MaxConns, execMode: conn.DefaultQueryExecMode, tracer: conn.Tracer}
	db.texts, db.rests = sqltext.NewMemo(read), restable(pooled)
	db.resting.linger, db.resting.held = restFor, heldFor
	db.modes = [2]mode{cfg.mode(false), cfg.mode(true)}
	_, db.batchTracer = db.tracer.(pgx.BatchTracer)
	if cfg.Ledger.On() {
		db.book = cfg.Ledger.Book(engine)
	}
	return db
}

// Begin implements [txctx.DB]. It does no I/O.
func (db *DB) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	w := &work{db: db, c: c, mode: &db.modes[0]}
	if c.ReadOnly() {
		w.mode = &db.modes[1]
	}
	w.root = scope{w: w}
	ctx = WithTx(ctx, &w.root)
	w.ctx = ctx
	switch {
	case w.mode.records:
		return ctx, recordedWork{w}
	case w.traced():
		return ctx, tracedWork{w}
	}
	return ctx, w
}
