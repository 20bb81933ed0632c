package pgadapter_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/reprise-go/reprise/internal/conformance"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/sqladapter"
)

// TestConformance runs the suite on pgx, and on database/sql over pgx.
func TestConformance(t *testing.T) {
	engine := conformance.Engine{
		Dollar:     true,
		FailsWhole: true,
		Slow:       `select 1 from pg_sleep(60)`,
		Nowait:     `select n from counter where id = 1 for update nowait`,
		AgeLedger:  `update reprise_ledger set created_at = created_at - interval '2 days'`,
	}
	t.Run("pgx", func(t *testing.T) {
		engine := engine
		engine.Open = openPgx
		conformance.Run(t, engine)
	})
	t.Run("stdlib", func(t *testing.T) {
		engine := engine
		engine.Open = openStdlib
		conformance.Run(t, engine)
	})
}

// openServer returns what is not the adapter's, and the URL for the adapter.
func openServer(t *testing.T) (*conformance.Database, string) {
	t.Helper()
	name := fmt.Sprintf("conformance_%d", schemas.Add(1))
	server := pgtest.Shared(t)
	outside, err := sql.Open("pgx", server.URL()+"&search_path="+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = outside.Close() })
	for _, q := range append([]string{"create schema " + name}, conformance.Schema...) {
		if _, err := outside.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	proxy, err := pgproxy.New(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	return &conformance.Database{
		Outside: outside,
		Faults:  conformance.Proxy(proxy),
		Dirty: func(t *testing.T) (n int) {
			t.Helper()
			err := outside.QueryRow(`select count(*) from pg_stat_activity
				where application_name = $1 and (state like 'idle in transaction%' or state = 'active')`, name).Scan(&n)
			if err != nil {
				t.Fatal(err)
			}
			return n
		},
	}, pgserver.Via(server.URL(), proxy.Addr()) + "&search_path=" + name + "&application_name=" + name
}

func openPgx(t *testing.T, o conformance.Options) *conformance.Database {
	d, url := openServer(t)
	pool := pgtest.Pool(t, url, func(c *pgxpool.Config) { c.MaxConns = int32(o.Conns) })
	// The suite asks what is done where nobody can look.
	cfg := pgadapter.Config{TxOptions: pgx.TxOptions{IsoLevel: isolation(o)}, NoVerdict: true}
	if o.Ledger {
		cfg.Ledger.Table = ledger.DefaultTable
	}
	db := pgadapter.New(pool, cfg)
	d.DB, d.MigrateLedger, d.PurgeLedger = db, db.MigrateLedger, db.PurgeLedger
	d.Tx = func(ctx context.Context) conformance.Tx { return pgxTx{pgadapter.Tx(ctx)} }
	d.From = func(ctx context.Context) (conformance.Tx, bool) {
		tx, ok := pgadapter.From(ctx)
		return pgxTx{tx}, ok
	}
	d.InUse = func() int { return int(pool.Stat().AcquiredConns()) }
	return d
}

func openStdlib(t *testing.T, o conformance.Options) *conformance.Database {
	d, url := openServer(t)
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config := sqladapter.Config{
		Classify: pgadapter.Classify, Unusable: pgadapter.Unusable, Severed: pgadapter.Severed,
		TxOptions: sql.TxOptions{Isolation: o.Isolation},
	}
	if o.Ledger {
		config.Ledger = sqladapter.Ledger{
			Book:      ledger.Config{Table: ledger.DefaultTable}.Book("postgres"),
			Duplicate: func(err error) bool { return sqlState(err) == "23505" },
			Hurry:     `set lock_timeout = '1s'`,
			Writable:  `select case when pg_is_in_recovery() then 0 else 1 end`,
			Bound: func(_, claim string, wait time.Duration) (before, bounded, after string) {
				return fmt.Sprintf(`set local lock_timeout = '%dms'`, max(50, wait.Milliseconds())),
					claim, `set local lock_timeout to default`
			},
			Renew: `rollback; begin`,
		}
	}
	db := sqladapter.New(stdlib.GetConnector(*cfg), config)
	t.Cleanup(func() { _ = db.Close() })
	db.SQL().SetMaxOpenConns(o.Conns)
	db.SQL().SetMaxIdleConns(o.Conns)
	d.DB, d.MigrateLedger, d.PurgeLedger = db, db.MigrateLedger, db.PurgeLedger
	d.Tx = func(ctx context.Context) conformance.Tx { return conformance.SQL(sqladapter.Tx(ctx)) }
	d.From = func(ctx context.Context) (conformance.Tx, bool) {
		tx, ok := sqladapter.From(ctx)
		return conformance.SQL(tx), ok
	}
	d.InUse = func() int { return db.SQL().Stats().InUse }
	return d
}

func isolation(o conformance.Options) pgx.TxIsoLevel {
	if o.Isolation == sql.LevelRepeatableRead {
		return pgx.RepeatableRead
	}
	return pgx.Serializable
}

// pgxTx is a pgx.Tx for the suite.
type pgxTx struct{ pgx.Tx }

func (t pgxTx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := t.Tx.Exec(ctx, query, args...)
	return err
}

func (t pgxTx) Each(ctx context.Context, query string, row func(int) error, args ...any) error {
	rows, err := t.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	var n int
	_, err = pgx.ForEachRow(rows, []any{&n}, func() error { return row(n) })
	return err
}

func (t pgxTx) Savepoint(ctx context.Context, fn func(conformance.Tx) error) error {
	return pgx.BeginFunc(ctx, t.Tx, func(tx pgx.Tx) error { return fn(pgxTx{tx}) })
}

func (t pgxTx) Leave(ctx context.Context, query string) error {
	rows, err := t.Query(ctx, query)
	if err != nil {
		return err
	}
	rows.Next()
	return rows.Err()
}
