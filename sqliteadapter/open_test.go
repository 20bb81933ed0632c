package sqliteadapter_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

func pragma(t *testing.T, db *sqliteadapter.DB, name string) (value string) {
	t.Helper()
	if err := db.SQL().QueryRow("pragma " + name).Scan(&value); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return value
}

func TestDefaults(t *testing.T) {
	db := open(t, "")
	for name, want := range map[string]string{"journal_mode": "wal", "busy_timeout": "5000", "foreign_keys": "1", "query_only": "0"} {
		if got := pragma(t, db, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestTheDSNGoesBeforeTheDefaults, in every way there is to say it.
//
// Mutation seen to fail it: look for the name of the pragma only.
func TestTheDSNGoesBeforeTheDefaults(t *testing.T) {
	for params, want := range map[string][2]string{
		"?_pragma=busy_timeout(7)":                      {"busy_timeout", "7"},
		"?_pragma=BUSY_TIMEOUT%3D7":                     {"busy_timeout", "7"},
		"?_busy_timeout=7":                              {"busy_timeout", "7"},
		"?_timeout=7":                                   {"busy_timeout", "7"},
		"?_pragma=journal_mode(delete)":                 {"journal_mode", "delete"},
		"?_pragma=Journal_Mode(delete)":                 {"journal_mode", "delete"},
		"?_journal=TRUNCATE":                            {"journal_mode", "truncate"},
		"?_fk=0":                                        {"foreign_keys", "0"},
		"?_pragma=foreign_keys(0)&_pragma=user_version": {"foreign_keys", "0"},
		"?": {"journal_mode", "wal"},
	} {
		db := open(t, params)
		if got := pragma(t, db, want[0]); got != want[1] {
			t.Errorf("%s: %s is %q, want %q", params, want[0], got, want[1])
		}
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                 "names no file",
		"file:?mode=ro":    "names no file",
		"mysql://x/y":      `unknown scheme "mysql"`,
		"file:a#b.db":      "%23",
		"a.db?_pragma=%zz": "invalid URL escape",
		"a.db?vfs=a&vfs=b": "vfs",
	} {
		if _, err := sqliteadapter.Open(dsn, sqliteadapter.Config{}); err == nil ||
			!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "sqliteadapter: Open: ") {
			t.Errorf("%q: %v, want %q", dsn, err, want)
		}
		if _, err := sqliteadapter.Connector(dsn); err == nil || !strings.HasPrefix(err.Error(), "sqliteadapter: Connector: ") {
			t.Errorf("%q: %v, want %q", dsn, err, want)
		}
	}
}

// TestPaths: the file is the one that is named.
func TestPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("sub folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for dsn, file := range map[string]string{
		"plain.db":                      "plain.db",
		"./dot.db":                      "dot.db",
		"sub folder/a b.db":             "sub folder/a b.db",
		"hash#1.db":                     "hash#1.db",
		"100%.db":                       "100%.db",
		"per%20cent.db?_fk=1":           "per%20cent.db",
		"it's;&=+.db":                   "it's;&=+.db",
		"käse.db":                       "käse.db",
		filepath.Join(dir, "abs#.db"):   "abs#.db",
		"file:relative.db":              "relative.db",
		"file:what%3f%23.db?_fk=1":      "what?#.db",
		"file:" + dir + "/uri%20abs.db": "uri abs.db",
		"file://" + dir + "/slashes.db": "slashes.db",
		":memory:.db":                   ":memory:.db",
	} {
		db, err := sqliteadapter.Open(dsn, sqliteadapter.Config{})
		if err != nil {
			t.Errorf("%q: %v", dsn, err)
			continue
		}
		if runs, err := run(db, once(), func(ctx context.Context) error { return exec(ctx, `create table x (n int)`) }); err != nil {
			t.Errorf("%q: ran %d times, error %v", dsn, runs, err)
		}
		if got := pragma(t, db, "journal_mode"); got != "wal" {
			t.Errorf("%q: the journal is %q", dsn, got)
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%q: %v", dsn, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestMemory: what is in memory stays there, however many work with it.
//
// Mutation seen to fail it: a pool of more than one connection.
func TestMemory(t *testing.T) {
	for _, dsn := range []string{":memory:", "file::memory:", "file:x?mode=memory", "file:y?mode=memory&cache=shared"} {
		db, err := sqliteadapter.Open(dsn, sqliteadapter.Config{})
		if err != nil {
			t.Fatal(err)
		}
		prepare(t, db)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := run(db, txctx.Options{}, count); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.SQL().QueryRow(`select n from counter`).Scan(&n); err != nil || n != 8 {
			t.Errorf("%s: the counter is %d, error %v", dsn, n, err)
		}
	}
	if files, _ := filepath.Glob("*memory*"); files != nil {
		t.Errorf("files: %v", files)
	}
}

// wrapper is what instrumentation does between the driver and the adapter.
type wrapper struct{ driver.Connector }

func (w wrapper) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := w.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return wrapped{inner.(all)}, nil
}

type all interface {
	driver.Conn
	driver.Pinger
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
}

type wrapped struct{ all }

func (w wrapped) Raw() driver.Conn { return w.all }

// TestConnector: what goes between the driver and the adapter keeps everything.
func TestConnector(t *testing.T) {
	c, err := sqliteadapter.Connector(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	db := sqliteadapter.New(wrapper{c}, sqliteadapter.Config{})
	prepare(t, db)
	if got := pragma(t, db, "journal_mode"); got != "wal" {
		t.Errorf("the journal is %q", got)
	}
	_, err = run(db, txctx.Options{}, func(ctx context.Context) error {
		_ = exec(ctx, `insert or rollback into parent values (1), (1)`)
		_ = exec(ctx, `insert into effect values (1)`)
		return nil
	})
	if err == nil || effects(t, db) != 0 {
		t.Errorf("error %v, %d effects", err, effects(t, db))
	}
}

// mute is a wrapper that does not give away what is beneath.
type mute struct{ all }

type muted struct{ driver.Connector }

func (m muted) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := m.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return mute{inner.(all)}, nil
}

func TestAConnectionThatIsNotTheDriversIsRefused(t *testing.T) {
	c, err := sqliteadapter.Connector(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	db := sqliteadapter.New(muted{c}, sqliteadapter.Config{})
	defer db.Close()
	if runs, err := run(db, txctx.Options{}, count); runs != 1 || err == nil || !strings.Contains(err.Error(), "mute is no connection of modernc.org/sqlite") {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

func TestNewPanics(t *testing.T) {
	c, err := sqliteadapter.Connector("x.db")
	if err != nil {
		t.Fatal(err)
	}
	for want, f := range map[string]func(){
		"connector is nil": func() { sqliteadapter.New(nil, sqliteadapter.Config{}) },
		"Config.TxOptions.Isolation is Read Committed": func() {
			sqliteadapter.New(c, sqliteadapter.Config{TxOptions: sql.TxOptions{Isolation: sql.LevelReadCommitted}})
		},
	} {
		func() {
			defer func() {
				if p := fmt.Sprint(recover()); !strings.HasPrefix(p, "sqliteadapter: New: ") || !strings.Contains(p, want) {
					t.Errorf("%s, want %q", p, want)
				}
			}()
			f()
		}()
	}
}

// TestTxOptions: all transactions of a database that is opened to be read only.
//
// Mutation seen to fail it: set the journal all the same.
func TestTxOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	// Another journal than the default, which cannot be set where nothing can.
	rw, err := sqliteadapter.Open(file+"?_journal=DELETE", sqliteadapter.Config{TxOptions: sql.TxOptions{Isolation: sql.LevelSerializable}})
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, rw)
	ro, err := sqliteadapter.Open("file:"+file+"?mode=ro", sqliteadapter.Config{TxOptions: sql.TxOptions{ReadOnly: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	for range 2 {
		runs, err := run(ro, txctx.Options{}, func(ctx context.Context) error {
			var n int
			return sqliteadapter.Tx(ctx).QueryRowContext(ctx, `select n from counter`).Scan(&n)
		})
		if runs != 1 || err != nil {
			t.Errorf("ran %d times, error %v", runs, err)
		}
	}
	if runs, err := run(ro, txctx.Options{}, count); runs != 1 || err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("a write: ran %d times, error %v", runs, err)
	}
}
