package mysqlproxy_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	. "github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
)

func TestMain(m *testing.M) { os.Exit(dbtest.NoLeaks(mariatest.Main(m))) }

// start returns a proxy in front of a database that has a table t (id int), and
// the database's DSN through it and past it.
func start(t *testing.T) (p *Proxy, via, direct string) {
	t.Helper()
	server := mariatest.Shared(t)
	direct = mariatest.Database(t, server)
	exec(t, mariatest.Pool(t, direct), "create table t (id int)")
	p, err := mysqlproxy.New(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, mariaserver.Via(direct, p.Addr()), direct
}

// startTable is start for the tests of all protocols.
func startTable(t *testing.T) (tab proxytest.Table, via string) {
	t.Helper()
	p, via, direct := start(t)
	look := mariatest.Pool(t, direct)
	return proxytest.Table{
		Proxy: p,
		Insert: func(t *testing.T, id int) error {
			t.Helper()
			err := insert(t, connect(t, via), id)
			if err != nil && !errors.Is(err, mysql.ErrInvalidConn) {
				t.Errorf("row %d: %v", id, err)
			}
			return err
		},
		Rows: func(t *testing.T, id int) int { t.Helper(); return rows(t, look, id) },
	}, via
}

// connect returns one connection.
func connect(t *testing.T, dsn string) *sql.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := mariatest.Pool(t, dsn).Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// db is what *sql.DB and *sql.Conn share.
type db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func exec(t *testing.T, c db, query string, args ...any) {
	t.Helper()
	if _, err := c.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// insert inserts a row in a transaction and returns what COMMIT said.
func insert(t *testing.T, c *sql.Conn, id int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "insert into t values (?)", id); err != nil {
		t.Fatal(err)
	}
	return tx.Commit()
}

// rows counts the rows of an id.
func rows(t *testing.T, c db, id int) (n int) {
	t.Helper()
	if err := c.QueryRowContext(t.Context(), "select count(*) from t where id = ?", id).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
