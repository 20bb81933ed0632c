package provoked_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/retryable"
)

// TestSQLiteFiles has files that are full, gone, moved, broken, or not to be written.
//
// Mutation seen to fail it: leave query_only off; keep the connection after a Failover, or
// after an unknown outcome; no reason for FULL or READONLY_DBMOVED; believe IOERR at COMMIT.
func TestSQLiteFiles(t *testing.T) { play(t, false, lite(liteOptions{}), liteFiles) }

// liteKeptAll is the verdict about a file that no connection could do anything with.
func liteKeptAll(code string, phase retryable.Phase) *verdict {
	return &verdict{code: code, phase: phase, kept: true}
}

var liteSmall = lite(liteOptions{params: "_pragma=max_page_count(20)"})

// What SQLite undoes when the file is full depends on whether the statement could be
// undone by itself: only those that may fail half-way can.
const (
	liteABigRow  = `insert into effect values (zeroblob(200000))`
	liteManyRows = `insert into counter with recursive r (n) as (select 100 union all select n + 1 from r) select n, n from r limit 50000`
)

var liteFiles = []liteScenario{
	{
		row: "sq-017", name: "max_page_count, by a row", text: "database or disk is full", open: liteSmall,
		provoke: liteLoses(liteExec(liteABigRow)),
	},
	{
		row: "sq-017", name: "max_page_count, by a row, swallowed", text: "database or disk is full", open: liteSmall,
		provoke: liteLoses(liteExec(liteABigRow)), swallow: true,
	},
	{
		row: "sq-017", name: "max_page_count, by many rows", text: "database or disk is full", open: liteSmall,
		provoke: liteKeeps(liteExec(liteManyRows)),
	},
	{
		row: "sq-017", name: "max_page_count, in every attempt", text: "database or disk is full", open: liteSmall,
		provoke: liteKeeps(liteExec(liteManyRows)), always: true,
	},
	{
		row: "sq-026", name: "the file is replaced", text: "attempt to write a readonly database",
		open:   lite(liteOptions{params: "_journal=DELETE"}),
		before: liteReplace,
	},
	{
		name: "8 READ ONLY request", text: "attempt to write a readonly database", readOnly: true,
		gives:   liteKeptAll("8", retryable.Statement),
		provoke: liteExec(`insert into effect values (7)`),
	},
	{
		name: "8 mode=ro", text: "attempt to write a readonly database", noEffect: true,
		gives:   liteKeptAll("8", retryable.Statement),
		open:    lite(liteOptions{params: "mode=ro", bare: true, prepare: liteWithSchema}),
		provoke: liteExec(`insert into effect values (7)`),
	},
	{
		name: "8 query_only", text: "attempt to write a readonly database", noEffect: true,
		gives: liteKeptAll("8", retryable.Connect), // BEGIN IMMEDIATE is refused
		open:  lite(liteOptions{params: "_query_only=1", bare: true, prepare: liteWithSchema}),
	},
	{
		row: "sq-028", name: "mode=ro after a crash", text: "attempt to write a readonly database", readOnly: true,
		open: lite(liteOptions{params: "mode=ro", bare: true, prepare: liteCrashed}),
	},
	{
		row: "sq-029", name: "no such folder", text: "unable to open database file",
		open: lite(liteOptions{bare: true, prepare: func(t *testing.T, file string) {
			if err := os.Remove(filepath.Dir(file)); err != nil {
				t.Error(err)
			}
		}}),
	},
	{
		row: "sq-031", name: "truncated", text: "database disk image is malformed",
		before:  liteFill,
		provoke: liteKeeps(liteCutFile),
	},
	{
		row: "sq-032", name: "a text", text: "file is not a database",
		open: lite(liteOptions{bare: true, prepare: func(t *testing.T, file string) {
			if err := os.WriteFile(file, []byte(strings.Repeat("no database. ", 100)), 0o600); err != nil {
				t.Error(err)
			}
		}}),
	},
	{
		row: "sq-023", name: "the journal was lost, so it is done", text: "disk I/O error", committed: true,
		open:    lite(liteOptions{params: "_journal=DELETE"}),
		provoke: liteInTheWay(func(string) error { return nil }),
	},
	{
		row: "sq-023", name: "the journal was kept, so it is undone", text: "disk I/O error",
		open:    lite(liteOptions{params: "_journal=DELETE"}),
		provoke: liteInTheWay(func(journal string) error { return os.Rename(journal+".gone", journal) }),
	},
}

// liteInTheWay has a folder where COMMIT is to delete the journal, and does something
// else about the journal when the attempt is over.
func liteInTheWay(afterwards func(journal string) error) func(a *liteAttempt) error {
	return func(a *liteAttempt) error {
		journal := a.db.file + "-journal"
		if err := errors.Join(os.Rename(journal, journal+".gone"), os.Mkdir(journal, 0o700)); err != nil {
			a.Error(err)
		}
		a.after(func() {
			if err := errors.Join(os.Remove(journal), afterwards(journal)); err != nil {
				a.Error(err)
			}
		})
		return nil
	}
}

// liteWithSchema makes a database beforehand.
func liteWithSchema(t *testing.T, file string) {
	t.Helper()
	pool, err := sql.Open("sqlite", file)
	if err == nil {
		_, err = pool.Exec("pragma journal_mode=wal;" + liteSchema)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() }) // the last to leave takes the WAL away
}

// liteCrashed makes a database whose last writer has left its journal.
func liteCrashed(t *testing.T, file string) {
	t.Helper()
	first := file + ".first"
	pool, err := sql.Open("sqlite", first+"?"+liteFast) // which has the journal valid from the first byte
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	for _, query := range []string{liteSchema, "begin", "insert into effect values (7)"} {
		if _, err := pool.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(liteCopyFile(first, file), liteCopyFile(first+"-journal", file+"-journal")); err != nil {
		t.Fatal(err)
	}
}

// liteFill makes a table that reaches far into the file.
func liteFill(a *liteAttempt) {
	liteRun(a.T, a.db.session(a.T, a.db.file),
		`create table big (x)`,
		`insert into big with recursive r (n) as (select 1 union all select n + 1 from r) select zeroblob(4000) from r limit 100`,
		`pragma wal_checkpoint(truncate)`)
}

// liteCutFile cuts off the part of the file that nobody has in memory, and wants it.
func liteCutFile(a *liteAttempt) error {
	if err := os.Truncate(a.db.file, 50*4096); err != nil {
		a.Error(err)
	}
	return liteExec(`select sum(length(x)) from big`)(a)
}
