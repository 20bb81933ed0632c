package outage_test

import (
	"context"
	"database/sql"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

const (
	pgTables = `create table item (id int primary key, n int not null);
		insert into item values (1, 0);
		create table effect (id bigint generated always as identity primary key, req text not null)`
	pgWrite = `insert into effect (req) values ($1)`
	pgRead  = `select n from item where id = 1`
)

// newPostgres starts a server with the tables.
func newPostgres(t *testing.T) *pgserver.Server {
	t.Helper()
	s := pgtest.New(t, pgserver.Config{})
	pgExec(t, s, pgTables)
	return s
}

func pgExec(t *testing.T, s *pgserver.Server, sql string) {
	t.Helper()
	if err := s.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// counted counts the dials of a pool.
func counted(rec *record, dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		rec.dialed()
		return dial(ctx, network, addr)
	}
}

// onPgx is a database behind pgadapter, with a ledger.
func onPgx(t *testing.T, url string, rec *record, cfg pgadapter.Config) database {
	t.Helper()
	pool := pgtest.Pool(t, url, func(c *pgxpool.Config) {
		c.MaxConns = conns
		c.ConnConfig.DialFunc = counted(rec, c.ConnConfig.DialFunc)
	})
	cfg.Ledger = ledger.Config{Table: "reprise_ledger"}
	db := pgadapter.New(pool, cfg)
	if err := db.MigrateLedger(t.Context()); err != nil {
		t.Fatal(err)
	}
	return database{
		db: db,
		write: func(ctx context.Context, id string) error {
			_, err := pgadapter.Tx(ctx).Exec(ctx, pgWrite, id)
			return err
		},
		read: func(ctx context.Context) error {
			var n int
			return pgadapter.Tx(ctx).QueryRow(ctx, pgRead).Scan(&n)
		},
		conns: func() int { return int(pool.Stat().TotalConns()) },
	}
}

// onStdlib is a database behind sqladapter and pgx's driver for it.
func onStdlib(t *testing.T, url string, rec *record, options sql.TxOptions) database {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DialFunc = counted(rec, cfg.DialFunc)
	db := sqladapter.New(stdlib.GetConnector(*cfg), sqladapter.Config{
		Classify: pgadapter.Classify, Unusable: pgadapter.Unusable, Severed: pgadapter.Severed, TxOptions: options,
	})
	return onSQL(t, db, pgWrite, pgRead)
}

// overSQL is sqladapter, or an adapter on it.
type overSQL interface {
	txctx.DB
	SQL() *sql.DB
	Close() error
}

// onSQL is a database behind one of them.
func onSQL(t *testing.T, db overSQL, write, read string) database {
	t.Helper()
	db.SQL().SetMaxOpenConns(conns)
	db.SQL().SetMaxIdleConns(conns)
	t.Cleanup(func() { _ = db.Close() }) // fails where a connection is dead
	return database{
		db: db,
		write: func(ctx context.Context, id string) error {
			_, err := sqladapter.Tx(ctx).ExecContext(ctx, write, id)
			return err
		},
		read: func(ctx context.Context) error {
			var n int
			return sqladapter.Tx(ctx).QueryRowContext(ctx, read).Scan(&n)
		},
		conns: func() int { return db.SQL().Stats().OpenConnections },
	}
}

// pgEffects looks into a server.
func pgEffects(t *testing.T, s *pgserver.Server) map[string]int {
	t.Helper()
	cfg, err := pgx.ParseConfig(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	return effects(t, db)
}
