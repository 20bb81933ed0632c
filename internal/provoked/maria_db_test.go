package provoked_test

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// mariaDB is a database behind mysqladapter.
type mariaDB struct {
	judges
	server *mariaserver.Server
	name   string
	user   string // of the pool
	db     *mysqladapter.DB
	proxy  *faultproxy.Proxy // nil without
	out    *sql.DB           // root's, past proxies
	look   *sql.DB           // the same, and served by a node of a cluster that serves nobody

	conns  sync.Map                // the driver's, by session
	detour atomic.Pointer[mariaTo] // where the pool's connections lead instead
	socket atomic.Value            // of the pool's last connection, a net.Conn
}

// mariaTo is something to dial.
type mariaTo struct{ network, addr string }

// mariaOptions vary a mariaDB. The zero value is a database of root's.
type mariaOptions struct {
	params  string // "&name=value" more in the connection string of the pool
	limits  string // the pool's user is one with all rights on the database alone, and these
	proxied bool
	cluster bool
	iso     sql.IsolationLevel
	config  func(*mysql.Config) // of the pool
	setup   string              // more statements when the database is made
}

// mariaOn opens databases on one server.
type mariaOn func(mariaOptions) func(t *testing.T) *mariaDB

const mariaSchema = `
	create table latch (id int primary key);
	create table effect (attempt int);
	create table counter (id int primary key, n int not null);
	insert into latch values (1);
	insert into counter values (1, 0), (2, 0);`

// mariaOf returns what opens databases on a server.
func mariaOf(server *mariaserver.Server) mariaOn {
	return func(o mariaOptions) func(t *testing.T) *mariaDB {
		return func(t *testing.T) *mariaDB { return newMariaDB(t, server, o) }
	}
}

func newMariaDB(t *testing.T, server *mariaserver.Server, o mariaOptions) *mariaDB {
	t.Helper()
	dsn := mariatest.Database(t, server)
	cfg, err := mysql.ParseDSN(dsn + o.params)
	if err != nil {
		t.Fatal(err)
	}
	d := &mariaDB{server: server, name: cfg.DBName, user: cfg.User}
	look := dsn + "&multiStatements=true"
	d.out = mariatest.Pool(t, look)
	if o.cluster {
		look += "&wsrep_on=OFF"
	}
	d.look = mariatest.Pool(t, look)
	d.look.SetMaxOpenConns(1)
	d.outside(t, mariaSchema+o.setup)
	if o.limits != "" {
		d.user = "u_" + d.name
		d.outside(t, "create user "+d.user+"@'%' "+o.limits+"; grant all on "+d.name+".* to "+d.user+"@'%'")
		t.Cleanup(func() { d.outside(t, "drop user "+d.user+"@'%'") })
	}
	cfg.User, cfg.Logger = d.user, &mysql.NopLogger{}
	if o.proxied {
		if d.proxy, err = mysqlproxy.New(server.Addr()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.proxy.Close)
		cfg.Addr = d.proxy.Addr()
	}
	if o.config != nil {
		o.config(cfg)
	}
	cfg.DialFunc = d.dial
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.next = mysqladapter.Classify
	d.db = mysqladapter.New(mariaConnector{connector, d}, mysqladapter.Config{
		TxOptions: sql.TxOptions{Isolation: o.iso}, Classify: d.classify,
	})
	d.db.SQL().SetMaxOpenConns(4)
	d.db.SQL().SetMaxIdleConns(4)
	t.Cleanup(func() { _ = d.db.Close() })
	return d
}

func (d *mariaDB) adapter() txctx.DB { return d.db }

// begin takes the lock that READ ONLY transactions can have, too.
func (d *mariaDB) begin(ctx context.Context) (session string, err error) {
	err = mysqladapter.Tx(ctx).QueryRowContext(ctx,
		"select connection_id() from "+d.name+".latch where id = 1 lock in share mode").Scan(&session)
	return session, err
}

func (d *mariaDB) effect(ctx context.Context, attempt int) error {
	_, err := mysqladapter.Tx(ctx).ExecContext(ctx, "insert into "+d.name+".effect values (?)", attempt)
	return err
}

func (d *mariaDB) effects(t *testing.T) (got []int) {
	t.Helper()
	var all string
	if err := d.look.QueryRow(`select coalesce(group_concat(attempt order by attempt separator ' '), '') from effect`).Scan(&all); err != nil {
		t.Error(err)
	}
	for word := range strings.FieldsSeq(all) {
		n, _ := strconv.Atoi(word)
		got = append(got, n)
	}
	return got
}

// locked asks for the row itself: what the information schema says of InnoDB is up to
// 100 ms old. Where the server is down, nobody has it.
func (d *mariaDB) locked(*testing.T) bool {
	_, err := d.look.Exec(`select id from latch where id = 1 for update nowait`)
	return d.code(err) == "1205"
}

func (d *mariaDB) pooled(_ *testing.T, session string) (yes bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var taken []*sql.Conn
	for range d.db.SQL().Stats().Idle {
		conn, err := d.db.SQL().Conn(ctx)
		if err != nil {
			break
		}
		taken = append(taken, conn)
		var id string
		yes = conn.QueryRowContext(ctx, `select connection_id()`).Scan(&id) == nil && id == session || yes
	}
	for _, conn := range taken {
		_ = conn.Close()
	}
	return yes
}

func (d *mariaDB) inUse() int { return d.db.SQL().Stats().InUse }

func (d *mariaDB) code(err error) string {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return strconv.Itoa(int(e.Number))
	}
	return ""
}

// outside runs statements past the pool.
func (d *mariaDB) outside(t *testing.T, statements string) {
	t.Helper()
	if _, err := d.out.Exec(statements); err != nil {
		t.Errorf("%s: %v", statements, err)
	}
}
