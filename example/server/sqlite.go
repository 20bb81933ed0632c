package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/reprise-go/reprise/sqliteadapter"
)

// defaultDatabase returns the one in the user's cache folder: what there is
// without -db.
func defaultDatabase() (*database, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no -db, and no cache folder to keep a database in: %w", err)
	}
	dir := filepath.Join(cache, "reprise")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("no -db, and no folder to keep a database in: %w", err)
	}
	db, err := openFile(filepath.Join(dir, "tickets.db"), "")
	if err != nil {
		return nil, fmt.Errorf("no -db, and the file there is instead does not open: %w", err)
	}
	return db, nil
}

// openSQLite returns the database of sqlite:///path or sqlite:path.
func openSQLite(u *url.URL) (*database, error) {
	path, err := filePath(u)
	switch {
	case err != nil:
		return nil, errors.New("malformed URL, want " + wantedURLs)
	case u.Host != "" || u.User != nil:
		return nil, errors.New("malformed URL: a file has no host, want sqlite:///absolute/path or sqlite:relative/path")
	case strings.Trim(path, "/") == "":
		return nil, errors.New("malformed URL: it names no file, want sqlite:///absolute/path or sqlite:relative/path")
	case path == ":memory:":
		return nil, errors.New("a database in memory would be lost with its connection: name a file, sqlite:///path")
	}
	return openFile(path, u.RawQuery)
}

// filePath returns the path in the URL, which need not begin with a slash.
func filePath(u *url.URL) (string, error) {
	if u.Opaque != "" {
		return url.PathUnescape(u.Opaque)
	}
	return u.Path, nil
}

// openFile returns the database in a file, which is made if it is not there, for
// this user alone. Its folder must be there: it may be a slip of the pen.
func openFile(path, query string) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite itself has one error for everything
	if err != nil {
		return nil, fmt.Errorf("SQLite file: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("SQLite file: %w", err)
	}
	db, err := sqliteadapter.Open(sqliteDSN(path, query), sqliteadapter.Config{Ledger: recorded})
	if err != nil {
		return nil, err
	}
	return sqliteDatabase(path, db), nil
}

// sqliteDatabase returns the database that db has opened.
func sqliteDatabase(path string, db *sqliteadapter.DB) *database {
	setPool(db.SQL())
	return &database{
		engine:   "sqlite",
		name:     "SQLite file " + path,
		requests: db,
		jobs:     db,
		lock:     noLock, // there is one writer at a time
		ping:     db.SQL().PingContext,
		close:    func() { _ = db.Close() },
	}
}

// sqliteDSN returns the DSN of the file, with query's parameters of
// modernc.org/sqlite. Times are written as the sqlite3 program can read them.
func sqliteDSN(path, query string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // C:/...
		slashed = "/" + slashed
	}
	if !strings.Contains(query, "_time_format") {
		query = strings.TrimPrefix(query+"&_time_format=sqlite", "&")
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: query}).String()
}
