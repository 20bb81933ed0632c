package mariatest_test

import (
	"database/sql"
	"os"
	"testing"

	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
)

func TestMain(m *testing.M) { os.Exit(mariatest.Main(m)) }

func TestDatabasesAreApart(t *testing.T) {
	s := mariatest.Shared(t)
	if mariatest.Shared(t) != s {
		t.Fatal("two shared servers")
	}
	a, b := mariatest.Database(t, s), mariatest.Database(t, s)
	if a == b {
		t.Fatalf("the same database twice: %s", a)
	}
	for _, dsn := range []string{a, b} {
		if _, err := open(t, dsn).ExecContext(t.Context(), "create table only_mine (x int)"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDatabaseIsDropped although somebody is in the middle of a transaction.
func TestDatabaseIsDropped(t *testing.T) {
	s := mariatest.Shared(t)
	var dsn string
	var tx *sql.Tx
	var err error
	t.Run("user", func(t *testing.T) {
		dsn = mariatest.Database(t, s)
		db := open(t, dsn)
		if _, err := db.ExecContext(t.Context(), "create table t (x int)"); err != nil {
			t.Fatal(err)
		}
		if tx, err = db.Begin(); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "insert into t values (1)"); err != nil {
			t.Fatal(err)
		}
	})
	if tx == nil {
		t.FailNow()
	}
	if err := tx.Rollback(); err == nil {
		t.Error("the transaction is still there")
	}
	if err := open(t, dsn).PingContext(t.Context()); err == nil {
		t.Error("the database is still there")
	}
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
