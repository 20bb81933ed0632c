package main

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/internal/sqlfault"
	"github.com/reprise-go/reprise/sqliteadapter"
)

// engine is one of those that the service runs on, as its tests see it.
type engine struct {
	name string

	// create makes an empty database and returns its URL, for -db, and a way
	// around the service to it.
	create func(*testing.T) (dbURL string, outside *sql.DB)

	// sabotage opens the database so that cut takes away one connection of the
	// service, and says whether there was one.
	sabotage func(t *testing.T, dbURL string) (db *database, cut func(context.Context) (bool, error))
}

var engines = []engine{
	{"postgres", createPostgres, sabotagePostgres},
	{"mysql", createMySQL, sabotageMySQL},
	{"sqlite", createSQLite, sabotageSQLite},
}

// onEngines runs the test on every engine that is installed.
func onEngines(t *testing.T, test func(*testing.T, engine)) {
	t.Helper()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}

func createPostgres(t *testing.T) (string, *sql.DB) {
	t.Helper()
	dbURL := pgtest.Database(t, pgtest.Shared(t))
	return dbURL, openOutside(t, "pgx", dbURL)
}

func createMySQL(t *testing.T) (string, *sql.DB) {
	t.Helper()
	dsn := mariatest.Database(t, mariatest.Shared(t))
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return "mysql://" + cfg.User + "@" + cfg.Addr + "/" + cfg.DBName, openOutside(t, "mysql", dsn)
}

func createSQLite(t *testing.T) (string, *sql.DB) {
	t.Helper()
	folder := "100% sure?" // a name that a URL must escape
	if runtime.GOOS == "windows" {
		folder = "100% sure#"
	}
	path := filepath.Join(t.TempDir(), folder, "tickets.db")
	makeDir(t, filepath.Dir(path))
	return sqliteURL(path), openOutside(t, "sqlite", sqliteDSN(path, "_pragma=busy_timeout(5000)"))
}

// openOutside opens a pool that keeps no connections, or they would be taken
// away in the service's stead.
func openOutside(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(0)
	t.Cleanup(func() { db.Close() })
	return db
}

func sabotagePostgres(t *testing.T, dbURL string) (*database, func(context.Context) (bool, error)) {
	server, name, rnd := pgtest.Shared(t), databaseName(t, dbURL), newRand()
	return mustOpen(t, dbURL), func(ctx context.Context) (bool, error) {
		return server.TerminateRandomBackend(ctx, rnd, name)
	}
}

func sabotageMySQL(t *testing.T, dbURL string) (*database, func(context.Context) (bool, error)) {
	server, name, rnd := mariatest.Shared(t), databaseName(t, dbURL), newRand()
	return mustOpen(t, dbURL), func(ctx context.Context) (bool, error) {
		return server.KillRandomConnection(ctx, rnd, name)
	}
}

// sabotageSQLite puts something between the service and SQLite that closes
// connections, since no server does it for us. Like the servers of the tests, it
// does not wait for the disk.
func sabotageSQLite(t *testing.T, dbURL string) (*database, func(context.Context) (bool, error)) {
	t.Helper()
	db, fault := openFaulty(t, dbURL, "_pragma=synchronous(normal)")
	return db, func(context.Context) (bool, error) { return fault.CutOne(), nil }
}

// openFaulty opens the SQLite database with something in between that can fail.
func openFaulty(t *testing.T, dbURL, query string) (*database, *sqlfault.Connector) {
	t.Helper()
	path, err := filePath(parse(t, dbURL))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := sqliteadapter.Connector(sqliteDSN(path, query))
	if err != nil {
		t.Fatal(err)
	}
	fault := sqlfault.New(inner)
	db := sqliteDatabase(path, sqliteadapter.New(fault, sqliteadapter.Config{Ledger: recorded}))
	t.Cleanup(db.close)
	if err := db.start(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	return db, fault
}

func sqliteURL(path string) string {
	return (&url.URL{Scheme: "sqlite", Path: filepath.ToSlash(path)}).String()
}

func mustOpen(t *testing.T, dbURL string) *database {
	t.Helper()
	db, err := openDatabase(t.Context(), dbURL, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.close)
	return db
}

func databaseName(t *testing.T, dbURL string) string {
	t.Helper()
	return strings.TrimPrefix(parse(t, dbURL).Path, "/")
}

func parse(t *testing.T, rawURL string) *url.URL {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) }
