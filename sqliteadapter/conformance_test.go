package sqliteadapter_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/reprise-go/reprise/internal/conformance"
	"github.com/reprise-go/reprise/internal/sqlfault"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/sqliteadapter"
)

// TestConformance runs the suite on SQLite.
func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Engine{
		Open:      openConforming,
		OneWriter: true,
		AgeLedger: `update reprise_ledger set created_at = created_at - 172800`,
		Slow:      `with recursive r(n) as (select 1 union all select n+1 from r) select count(*) from r`,
	})
}

func openConforming(t *testing.T, o conformance.Options) *conformance.Database {
	file := filepath.Join(t.TempDir(), "conformance.db")
	outside, err := sql.Open("sqlite", file+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = outside.Close() })
	for _, q := range conformance.Schema {
		if _, err := outside.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	dsn := file
	if o.Isolation == sql.LevelRepeatableRead {
		dsn += "?_txlock=deferred" // so that it can read before it is alone
	}
	connector, err := sqliteadapter.Connector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	trouble := sqlfault.New(connector)
	cfg := sqliteadapter.Config{}
	if o.Ledger {
		cfg.Ledger.Table = ledger.DefaultTable
	}
	db := sqliteadapter.New(trouble, cfg)
	t.Cleanup(func() { _ = db.Close() })
	db.SQL().SetMaxOpenConns(o.Conns)
	db.SQL().SetMaxIdleConns(o.Conns)
	return &conformance.Database{
		DB: db,
		Tx: func(ctx context.Context) conformance.Tx { return conformance.SQL(sqliteadapter.Tx(ctx)) },
		From: func(ctx context.Context) (conformance.Tx, bool) {
			tx, ok := sqliteadapter.From(ctx)
			return conformance.SQL(tx), ok
		},
		Outside: outside,
		Faults:  faults{trouble},

		MigrateLedger: db.MigrateLedger,
		PurgeLedger:   db.PurgeLedger,

		InUse: func() int { return db.SQL().Stats().InUse },
	}
}

// faults are those of a connector.
type faults struct{ *sqlfault.Connector }

func (f faults) CutAll()                   { f.Connector.CutAll() }
func (f faults) Sent() int64               { return f.Calls() }
func (f faults) LoseCommit(delivered bool) { f.LoseCommits(1, delivered) }
