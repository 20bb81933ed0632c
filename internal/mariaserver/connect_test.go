package mariaserver_test

import (
	"database/sql"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver"
)

// connect returns a connection of its own.
func connect(t *testing.T, dsn string) *sql.Conn {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) // a pool does not close what was taken from it
	return conn
}

// number returns what query does.
func number(t *testing.T, c *sql.Conn, query string) (n int64) {
	t.Helper()
	if err := c.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func show(t *testing.T, s *mariaserver.Server, name string) (value string) {
	t.Helper()
	if err := connect(t, s.DSN()).QueryRowContext(t.Context(), "select @@"+name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
