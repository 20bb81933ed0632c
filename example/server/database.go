package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// database is an open database of one of the three engines: all that is different
// about them.
type database struct {
	engine   string   // "postgres", "mysql" or "sqlite": the folder of its migrations
	name     string   // for the log and for errors; no password
	requests recorder // what requests run on
	jobs     txctx.DB // what migrations run on

	// lock keeps servers apart that start together. Until the transaction ends,
	// or unlock is called where the engine ties locks to sessions.
	lock func(context.Context) (unlock func(context.Context) error, err error)

	ping  func(context.Context) error
	close func()
}

// recorder is an adapter with a ledger: requests record in it that they happened, so
// that what became of a COMMIT without an answer can be looked up.
type recorder interface {
	txctx.DB
	MigrateLedger(ctx context.Context) error
	PurgeLedger(ctx context.Context) (deleted int64, err error)
}

var recorded = ledger.Config{Table: ledger.DefaultTable}

// openDatabase opens the database that -db names and brings it up to date,
// waiting for a server that is not up yet. Its errors fit on one line, name the
// part at fault, and hold no password.
func openDatabase(ctx context.Context, rawURL string, wait time.Duration) (*database, error) {
	db, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if err := db.start(ctx, wait); err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

const wantedURLs = "postgres://user:password@host:port/database, mysql://user:password@host:port/database " +
	"or sqlite:///path, with special characters percent-encoded"

// parseURL returns the database of a URL, to which nobody has connected yet.
func parseURL(rawURL string) (*database, error) {
	if rawURL == "" {
		return defaultDatabase()
	}
	db, err := ofScheme(rawURL)
	if err != nil {
		return nil, fmt.Errorf("-db: %w", err)
	}
	return db, nil
}

func ofScheme(rawURL string) (*database, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" { // the cause is not shown: it quotes, and what it quotes may be the password
		return nil, errors.New("malformed URL, want " + wantedURLs)
	}
	switch u.Scheme {
	case "postgres", "postgresql":
		return openPostgres(rawURL)
	case "mysql":
		return openMySQL(u)
	case "sqlite":
		return openSQLite(u)
	}
	return nil, fmt.Errorf("unknown scheme %q, want %s", u.Scheme, wantedURLs)
}

// start connects and brings the database up to date.
func (db *database) start(ctx context.Context, wait time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, errWaitedEnough)
	defer cancel()
	err := await(ctx, db)
	if err == nil {
		err = db.requests.MigrateLedger(ctx)
	}
	if err == nil {
		err = migrate(ctx, db)
	}
	if err == nil {
		return nil
	}
	if exhausted, ok := errors.AsType[*retryable.ExhaustedError](err); ok && len(exhausted.Errs) > 0 {
		err = exhausted.Errs[0]
	}
	text := oneLine(err)
	switch {
	case ctx.Err() == nil:
		return fmt.Errorf("-db: %s: %s", db.name, text)
	case errors.Is(context.Cause(ctx), errWaitedEnough):
		return fmt.Errorf("-db: %s: not ready within %v: %s", db.name, wait, text)
	}
	return errors.New("stopped before the database was ready")
}

// await waits for a database that is not up yet, until ctx ends.
func await(ctx context.Context, db *database) error {
	o := txctx.Options{Retry: retryable.Persistent(), ReadOnly: true}
	return txctx.Run(ctx, db.requests, o, func(ctx context.Context) error {
		var one int
		return tx(ctx).queryRow(ctx, `select 1`).Scan(&one)
	})
}

var errWaitedEnough = errors.New("waited long enough for the database")

// oneLine says what went wrong: in the database's own words, if it had any.
func oneLine(err error) string {
	text := refusalText(err)
	switch {
	case text != "":
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		text = "no answer"
	default:
		text = err.Error()
	}
	return strings.Join(strings.Fields(text), " ")
}

// poolSize is how many connections a pool may have: what pgx takes by default.
var poolSize = max(4, runtime.NumCPU())

// setPool limits a pool of database/sql, which sets no limit by itself and keeps
// two idle connections.
func setPool(pool *sql.DB) {
	pool.SetMaxOpenConns(poolSize)
	pool.SetMaxIdleConns(poolSize)
	pool.SetConnMaxLifetime(time.Hour) // so that load balancers and new addresses get their share
	pool.SetConnMaxIdleTime(30 * time.Minute)
}

// noLock is for engines whose transaction is the lock.
func noLock(context.Context) (func(context.Context) error, error) { return noUnlock, nil }

func noUnlock(context.Context) error { return nil }
