package pgtest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestDatabasesAreApart(t *testing.T) {
	s := pgtest.Shared(t)
	if pgtest.Shared(t) != s {
		t.Fatal("two shared servers")
	}
	a, b := pgtest.Database(t, s), pgtest.Database(t, s)
	if a == b {
		t.Fatalf("the same database twice: %s", a)
	}
	for _, url := range []string{a, b} {
		pool := pgtest.Pool(t, url, func(c *pgxpool.Config) { c.MaxConns = 2 })
		if _, err := pool.Exec(t.Context(), "create table only_mine (x int)"); err != nil {
			t.Fatal(err)
		}
		if n := pool.Config().MaxConns; n != 2 {
			t.Errorf("MaxConns is %d", n)
		}
	}
}

func TestDatabaseIsDropped(t *testing.T) {
	s := pgtest.Shared(t)
	var url string
	t.Run("user", func(t *testing.T) {
		url = pgtest.Database(t, s)
		pgtest.Pool(t, url, nil)
	})
	if err := pgtest.Pool(t, url, nil).Ping(t.Context()); err == nil {
		t.Error("the database is still there")
	}
}
