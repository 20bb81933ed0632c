package sqliteadapter_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestTheFileIsReplaced under the connection, as a restored backup does it: SQLite
// notices before it writes, and the replay writes into the new one.
func TestTheFileIsReplaced(t *testing.T) {
	db := openShared(t, "_journal=DELETE")
	o, reasons := watched(quick())
	runs, err := run(db.DB, o, func(ctx context.Context) error {
		if txctx.AttemptOf(ctx).Number == 1 {
			if err := copyFile(db.file, db.file+".backup"); err != nil {
				return err
			}
			if err := os.Rename(db.file+".backup", db.file); err != nil {
				return err
			}
		}
		return exec(ctx, `insert into effect values (?)`, txctx.AttemptOf(ctx).Number)
	})
	if want := "[statement failover commit none]"; runs != 2 || err != nil || reasons() != want {
		t.Errorf("ran %d times, error %v, ended as %s, want %s", runs, err, reasons(), want)
	}
	var there int
	if err := db.other.QueryRow(`select count(*) from effect`).Scan(&there); err != nil || there != 1 {
		t.Errorf("%d effects in the file that is there now, error %v", there, err)
	}
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// TestAFileThatIsNoDatabase, or cannot be opened, is a plain failure that says so:
// trying again would not help.
func TestAFileThatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "no.db"), []byte(strings.Repeat("no database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for dsn, want := range map[string]string{
		filepath.Join(dir, "missing", "x.db"):                      "unable to open database file",
		"file:" + filepath.Join(dir, "missing.db") + "?mode=ro":    "unable to open database file",
		filepath.Join(dir, "no.db"):                                "file is not a database",
		filepath.Join(dir, "new.db") + "?_journal=DELETE&_sync=no": "_sync",
		dir: "unable to open database file",
	} {
		db, err := sqliteadapter.Open(dsn, sqliteadapter.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		runs, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, `create table x (n int)`) })
		if runs != 1 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: ran %d times, error %v, want %q", dsn, runs, err, want)
		}
	}
}

// TestTheDiskIsFull: nothing of the attempt stays, and the connection goes on when
// there is room again.
func TestTheDiskIsFull(t *testing.T) {
	db := open(t, "?_pragma=max_page_count(20)")
	db.SQL().SetMaxOpenConns(1)
	runs, err := run(db, once(), func(ctx context.Context) error {
		if err := exec(ctx, `insert into effect values (1)`); err != nil {
			return err
		}
		if err := exec(ctx, `insert into effect values (zeroblob(200000))`); retryable.ReasonOf(err) != retryable.Overloaded {
			t.Errorf("the statement: %v", err)
		}
		return nil // swallowed
	})
	wantReason(t, err, 0, retryable.Overloaded)
	if runs != 1 || !strings.Contains(err.Error(), "database or disk is full") || effects(t, db) != 0 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, effects(t, db))
	}
	if _, err := db.SQL().Exec(`pragma max_page_count=1000`); err != nil {
		t.Fatal(err)
	}
	if runs, err := run(db, once(), func(ctx context.Context) error {
		return exec(ctx, `insert into effect values (zeroblob(200000))`)
	}); runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}
