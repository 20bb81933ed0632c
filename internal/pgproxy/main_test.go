package pgproxy_test

import (
	"context"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.NoLeaks(pgtest.Main(m))) }

// start returns a proxy to the shared server and the URL that goes through it
// to database postgres.
func start(t *testing.T) (*pgproxy.Proxy, string) {
	t.Helper()
	s := pgtest.Shared(t)
	return front(t, s.URL())
}

// startDB is start with a database that has a table t (id int), and its direct
// URL.
func startDB(t *testing.T) (p *pgproxy.Proxy, via, direct string) {
	t.Helper()
	direct = pgtest.Database(t, pgtest.Shared(t))
	if _, err := connect(t, direct).Exec(t.Context(), "create table t (id int)"); err != nil {
		t.Fatal(err)
	}
	p, via = front(t, direct)
	return p, via, direct
}

// startTable is startDB for the tests of all protocols.
func startTable(t *testing.T) (tab proxytest.Table, via string) {
	t.Helper()
	p, via, direct := startDB(t)
	p.DropCancels(true) // pgx sends one where its connection is lost: it may reach COMMIT
	look := connect(t, direct)
	return proxytest.Table{
		Proxy:  p,
		Insert: func(t *testing.T, id int) error { t.Helper(); return insert(t, connect(t, via), id) },
		Rows:   func(t *testing.T, id int) int { t.Helper(); return rows(t, look, id) },
	}, via
}

func front(t *testing.T, direct string) (*pgproxy.Proxy, string) {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pgproxy.New(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, pgserver.Via(direct, p.Addr())
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		c.Close(ctx)
	})
	return c
}

// insert inserts a row in a transaction and returns what COMMIT said.
func insert(t *testing.T, c *pgx.Conn, id int) error {
	t.Helper()
	ctx := t.Context()
	for _, sql := range []string{"begin", "insert into t values ($1)"} {
		var args []any
		if sql != "begin" {
			args = append(args, id)
		}
		if _, err := c.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := c.Exec(ctx, "commit")
	return err
}

// rows counts the rows of an id.
func rows(t *testing.T, c *pgx.Conn, id int) (n int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), "select count(*) from t where id = $1", id).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
