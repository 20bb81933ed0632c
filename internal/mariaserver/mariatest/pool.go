package mariatest

import (
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// Pool returns a pool for dsn, closed when the test ends. The driver's own
// remarks about lost connections stay unheard.
func Pool(tb testing.TB, dsn string) *sql.DB {
	tb.Helper()
	db := sql.OpenDB(Connector(tb, dsn))
	tb.Cleanup(func() { db.Close() })
	return db
}

// Connector is what [Pool] gets its connections from. It does not try again, as
// pools do.
func Connector(tb testing.TB, dsn string) driver.Connector {
	tb.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return connector
}
