package torture

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // for the admin's pool

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/pgadapter"
)

// postgres is PostgreSQL, through pgx.
type postgres struct{}

func (postgres) start(tb testing.TB, b *Bed, o BedOptions) {
	if o.Own {
		b.PG = sharedPG.New(tb, pgserver.Config{Settings: o.Settings})
		b.dsn = b.PG.URL()
	} else {
		b.PG = sharedPG.Shared(tb)
		b.dsn = dbtest.Database(tb, b.PG)
	}
	b.Server = pgServer{b.PG, b.dsn}
}

func (postgres) proxy(upstream string) (*faultproxy.Proxy, error) { return pgproxy.New(upstream) }

func (postgres) admin(dsn string) (*sql.DB, error) {
	db, err := sql.Open("pgx", dsn+"&application_name=torture-admin")
	if err == nil {
		db.SetMaxIdleConns(-1)
	}
	return db, err
}

func (postgres) via(dsn, addr string) string { return pgserver.Via(dsn, addr) }

func (postgres) adapt(tb testing.TB, dsn string, o AppOptions) *adapter {
	pc, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	pc.MaxConns = int32(o.Conns)
	cfg := pgadapter.Config{TxOptions: pgx.TxOptions{IsoLevel: pgx.TxIsoLevel(pgIsolation(o.Isolation))}}
	if !o.NoLedger {
		cfg.Ledger.Table = ledger.DefaultTable
	}
	if o.PG != nil {
		o.PG(&cfg, pc)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		tb.Fatal(err)
	}
	db := pgadapter.New(pool, cfg)
	return &adapter{
		DB:      db,
		tx:      func(ctx context.Context) Tx { return pgxTx{pgadapter.Tx(ctx)} },
		inUse:   func() int { return int(pool.Stat().AcquiredConns()) },
		migrate: db.MigrateLedger,
		purge:   db.PurgeLedger,
		close:   pool.Close,
	}
}

func pgIsolation(level sql.IsolationLevel) string {
	switch level {
	case sql.LevelReadCommitted:
		return string(pgx.ReadCommitted)
	case sql.LevelRepeatableRead:
		return string(pgx.RepeatableRead)
	}
	return string(pgx.Serializable)
}

func (postgres) faults() triggers {
	t := triggers{up: pgproxy.SQL("commit"), down: pgproxy.Tag("COMMIT")}
	for _, typ := range []byte("QPBES") {
		t.upAll = append(t.upAll, pgproxy.Message(pgproxy.Up, typ))
	}
	for _, typ := range []byte("CZDT12") {
		t.downAll = append(t.downAll, pgproxy.Message(pgproxy.Down, typ))
	}
	return t
}

// pgServer is a PostgreSQL server, as a victim.
type pgServer struct {
	*pgserver.Server
	dsn string
}

func (s pgServer) FastRestart(ctx context.Context) error { return s.Restart(ctx, pgserver.Fast) }

func (s pgServer) EndSession(ctx context.Context, rnd *rand.Rand) (bool, error) {
	return s.TerminateRandomBackend(ctx, rnd, s.database())
}

func (s pgServer) EndSessions(ctx context.Context) (int, error) {
	return s.TerminateBackends(ctx, s.database())
}

func (s pgServer) database() string {
	cfg, err := pgx.ParseConfig(s.dsn)
	if err != nil {
		panic("torture: " + err.Error())
	}
	return cfg.Database
}
