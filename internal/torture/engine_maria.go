package torture

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/mysqladapter"
)

// maria is MariaDB, through go-sql-driver/mysql.
type maria struct{}

func (maria) start(tb testing.TB, b *Bed, o BedOptions) {
	if o.Own {
		b.Maria = sharedMaria.New(tb, mariaserver.Config{Settings: o.Settings})
		b.dsn = b.Maria.DSN()
	} else {
		b.Maria = sharedMaria.Shared(tb)
		b.dsn = dbtest.Database(tb, b.Maria)
	}
	b.Server = mariaServer{b.Maria, b.dsn}
}

func (maria) proxy(upstream string) (*faultproxy.Proxy, error) { return mysqlproxy.New(upstream) }

func (maria) admin(dsn string) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	cfg.Logger = &mysql.NopLogger{}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxIdleConns(-1)
	return db, nil
}

func (maria) via(dsn, addr string) string { return mariaserver.Via(dsn, addr) }

func (maria) adapt(tb testing.TB, dsn string, o AppOptions) *adapter {
	cfg := mysqladapter.Config{TxOptions: sql.TxOptions{Isolation: o.Isolation}}
	if !o.NoLedger {
		cfg.Ledger.Table = ledger.DefaultTable
	}
	if o.Maria != nil {
		o.Maria(&cfg)
	}
	db, err := mysqladapter.Open(dsn, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	db.SQL().SetMaxOpenConns(o.Conns)
	db.SQL().SetMaxIdleConns(o.Conns)
	return &adapter{
		DB:      db,
		tx:      func(ctx context.Context) Tx { return sqlTx{mysqladapter.Tx(ctx)} },
		inUse:   func() int { return db.SQL().Stats().InUse },
		migrate: db.MigrateLedger,
		purge:   db.PurgeLedger,
		close:   func() { _ = db.Close() },
	}
}

func (maria) faults() triggers {
	t := triggers{up: faultproxy.SQL("commit"), down: mysqlproxy.Reply("commit")}
	for _, typ := range []byte{mysqlproxy.ComQuery, mysqlproxy.ComStmtPrepare, mysqlproxy.ComStmtExecute} {
		t.upAll = append(t.upAll, mysqlproxy.Message(faultproxy.Up, typ))
	}
	for _, typ := range []byte{mysqlproxy.OK, mysqlproxy.EOF, mysqlproxy.Columns, mysqlproxy.Row, mysqlproxy.Prepared} {
		t.downAll = append(t.downAll, mysqlproxy.Message(faultproxy.Down, typ))
	}
	return t
}

// mariaServer is a MariaDB server, as a victim.
type mariaServer struct {
	*mariaserver.Server
	dsn string
}

func (s mariaServer) FastRestart(ctx context.Context) error { return s.Restart(ctx, mariaserver.Fast) }

func (s mariaServer) EndSession(ctx context.Context, rnd *rand.Rand) (bool, error) {
	return s.KillRandomConnection(ctx, rnd, s.database())
}

func (s mariaServer) EndSessions(ctx context.Context) (int, error) {
	return s.KillConnections(ctx, s.database())
}

func (s mariaServer) database() string {
	cfg, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		panic("torture: " + err.Error())
	}
	return cfg.DBName
}
