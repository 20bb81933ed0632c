package mysqladapter_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/conformance"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/mysqladapter"
)

// TestConformance runs the suite on MariaDB.
func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Engine{
		Open:         openMariaDB,
		OneSavepoint: true,
		Slow:         `select sleep(60)`,
		AgeLedger:    `update reprise_ledger set created_at = created_at - interval 2 day`,
		Nowait:       `select n from counter where id = 1 for update nowait`,
	})
}

func openMariaDB(t *testing.T, o conformance.Options) *conformance.Database {
	server := mariatest.Shared(t)
	dsn := mariatest.Database(t, server)
	outside, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = outside.Close() })
	for _, q := range conformance.Schema {
		if _, err := outside.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	proxy, err := mysqlproxy.New(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	cfg := mysqladapter.Config{TxOptions: sql.TxOptions{Isolation: o.Isolation}}
	if o.Ledger {
		cfg.Ledger.Table = ledger.DefaultTable
	}
	db, err := mysqladapter.Open(snapshots(t, mariaserver.Via(dsn, proxy.Addr())), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SQL().SetMaxOpenConns(o.Conns)
	db.SQL().SetMaxIdleConns(o.Conns)
	return &conformance.Database{
		DB: db,
		Tx: func(ctx context.Context) conformance.Tx { return conformance.SQL(mysqladapter.Tx(ctx)) },
		From: func(ctx context.Context) (conformance.Tx, bool) {
			tx, ok := mysqladapter.From(ctx)
			return conformance.SQL(tx), ok
		},
		Outside: outside,
		Faults:  conformance.Proxy(proxy),
		InUse:   func() int { return db.SQL().Stats().InUse },

		MigrateLedger: db.MigrateLedger,
		PurgeLedger:   db.PurgeLedger,

		Dirty: func(t *testing.T) int { return inTransaction(t, db.SQL(), o.Conns) },
	}
}

// inTransaction counts the pooled connections that are in a transaction. The
// server's own list of transactions is cached for as long as somebody polls it.
func inTransaction(t *testing.T, pool *sql.DB, conns int) (n int) {
	t.Helper()
	for range conns {
		c, err := pool.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() // only when all are taken
		var in int
		if err := c.QueryRowContext(context.Background(), `select @@in_transaction`).Scan(&in); err != nil {
			t.Fatal(err)
		}
		n += in
	}
	return n
}

// snapshots has REPEATABLE READ refuse to write what has changed since it was read,
// which MariaDB does by itself from 11.6.2 on.
func snapshots(t *testing.T, dsn string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Params = map[string]string{"innodb_snapshot_isolation": "1"}
	return cfg.FormatDSN()
}
