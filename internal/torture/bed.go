package torture

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/pgserver"
)

// Engine is a database server's brand.
type Engine string

const (
	Postgres Engine = "postgres"
	MariaDB  Engine = "mariadb"
)

// Engines are all there are.
var Engines = []Engine{Postgres, MariaDB}

// Bed is a database with the tables of the torture, on a real server, behind a proxy
// that makes faults.
type Bed struct {
	Engine  Engine
	Version string // as the server says it
	Server  Server
	Proxy   *faultproxy.Proxy
	Admin   *sql.DB // leads past the proxy; every statement has a new connection, since servers die

	PG    *pgserver.Server    // nil on MariaDB
	Maria *mariaserver.Server // nil on PostgreSQL

	dsn     string // leads past the proxy
	engine  engine
	standby *pgserver.Server // nil where there is none
}

// Server is what can be done to a server of either brand.
type Server interface {
	Addr() string
	// Kill is kill -9. Everything committed survives it.
	Kill() error
	// StartAgain starts the server after Kill.
	StartAgain(ctx context.Context) error
	// FastRestart ends all sessions, shuts down in order and starts again.
	FastRestart(ctx context.Context) error
	// EndSession ends the session of one client, drawn with rnd; false: there is none.
	EndSession(ctx context.Context, rnd *rand.Rand) (bool, error)
	// EndSessions ends those of all clients.
	EndSessions(ctx context.Context) (int, error)
	LogTail() string
}

// engine is what differs.
type engine interface {
	// start fills in Server, PG or Maria, and dsn.
	start(tb testing.TB, b *Bed, o BedOptions)
	proxy(upstream string) (*faultproxy.Proxy, error)
	// admin opens a pool on dsn.
	admin(dsn string) (*sql.DB, error)
	// via returns dsn with another host:port.
	via(dsn, addr string) string
	// adapt opens an adapter on dsn.
	adapt(tb testing.TB, dsn string, o AppOptions) *adapter
	// faults are the triggers for random faults.
	faults() triggers
}

// triggers are the messages at which random faults strike.
type triggers struct {
	up, down       faultproxy.Trigger // the COMMIT, and its confirmation
	upAll, downAll []faultproxy.Trigger
}

func engineOf(tb testing.TB, e Engine) engine {
	tb.Helper()
	switch e {
	case Postgres:
		return postgres{}
	case MariaDB:
		return maria{}
	}
	tb.Fatalf("torture: no such engine: %q", e)
	return nil
}

// BedOptions vary a bed. The zero value is ready.
type BedOptions struct {
	// Own is a server for this bed alone, to be killed and restarted. false: all beds of
	// the process share one, with a database each
	Own bool
	// Settings are the server's, with Own. none
	Settings map[string]string
}

// NewBed returns a bed, which goes when the test ends. Where the server is not
// installed the test is skipped, or fails with REPRISE_REQUIRE_SERVERS.
func NewBed(tb testing.TB, e Engine, o BedOptions) *Bed {
	tb.Helper()
	b := &Bed{Engine: e, engine: engineOf(tb, e)}
	b.engine.start(tb, b, o)
	var err error
	if b.Admin, err = b.engine.admin(b.dsn); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Admin.Close() })
	for _, q := range schema() {
		b.Exec(tb, q)
	}
	if err := b.Admin.QueryRow(`select version()`).Scan(&b.Version); err != nil {
		tb.Fatal(err)
	}
	if b.Proxy, err = b.engine.proxy(b.Server.Addr()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Proxy.Close)
	return b
}

// DSN returns the connection string that leads through the proxy, Direct the one that
// does not.
func (b *Bed) DSN() string    { return b.engine.via(b.dsn, b.Proxy.Addr()) }
func (b *Bed) Direct() string { return b.dsn }

// Exec runs a statement past the proxy, or ends the test.
func (b *Bed) Exec(tb testing.TB, query string) {
	tb.Helper()
	if _, err := b.Admin.ExecContext(context.Background(), query); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

// Number returns the one number that a query answers, past the proxy.
func (b *Bed) Number(tb testing.TB, query string) (n int64) {
	tb.Helper()
	if err := b.Admin.QueryRowContext(context.Background(), query).Scan(&n); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return n
}

// Commit is the message with an attempt's COMMIT, and with that of a look-up.
func (b *Bed) Commit() faultproxy.Trigger { return b.engine.faults().up }

// Committed is the server's confirmation of it.
func (b *Bed) Committed() faultproxy.Trigger { return b.engine.faults().down }

// Servers that all beds of the process share.
var (
	sharedPG = dbtest.Servers[*pgserver.Server, pgserver.Config]{
		Name: "torture", Start: pgserver.Start, NotInstalled: pgserver.ErrNotInstalled,
	}
	sharedMaria = dbtest.Servers[*mariaserver.Server, mariaserver.Config]{
		Name: "torture", Start: mariaserver.Start, NotInstalled: mariaserver.ErrNotInstalled,
	}
)

// Main runs the tests, closes the servers that beds shared, and looks for goroutines
// that were left behind:
//
//	func TestMain(m *testing.M) { os.Exit(torture.Main(m)) }
func Main(m *testing.M) int {
	return dbtest.NoLeaks(sharedPG.Main(func() int { return sharedMaria.Main(m.Run) }))
}
