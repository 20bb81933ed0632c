package provoked_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgbouncer"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

// pgDB is a schema, or a database, behind pgadapter.
type pgDB struct {
	judges
	server *pgserver.Server
	url    string // past proxies and poolers
	via    string // the pool's
	pool   *pgxpool.Pool
	db     *pgadapter.DB
	proxy  *pgproxy.Proxy    // nil without
	pooler *pgbouncer.Server // nil without
	key    int64             // of the lock of begin

	mu      sync.Mutex
	watcher *pgx.Conn         // for looking at the server
	notices []*pgconn.Notice  // all that the pool's connections were told
	clients map[string]uint32 // sessions, and what poolers call them
}

// pgOptions vary a pgDB. The zero value is a schema on the shared server.
type pgOptions struct {
	server  func(t *testing.T) *pgserver.Server
	own     bool                                            // a database of its own, not only a schema
	exists  string                                          // one that is there, by its connection string
	params  string                                          // "&name=value" more in the connection string of the pool
	via     func(t *testing.T, d *pgDB, addr string) string // what stands between the pool and the server
	proxied bool
	listed  bool // a pooler is told of the database
	iso     pgx.TxIsoLevel
	access  pgx.TxAccessMode
	pool    func(*pgxpool.Config)
}

var schemas atomic.Int64

const pgSchema = `
	create table effect (attempt int);
	create table counter (id int primary key, n int not null);
	insert into counter values (1, 0), (2, 0);`

// pg returns what opens a pgDB.
func pg(o pgOptions) func(t *testing.T) *pgDB {
	return func(t *testing.T) *pgDB {
		d := &pgDB{server: pgtest.Shared(t), key: schemas.Add(1), clients: make(map[string]uint32)}
		if o.server != nil {
			d.server = o.server(t)
		}
		switch {
		case o.exists != "":
			d.url = o.exists
		case o.own:
			d.url = pgtest.Database(t, d.server)
			d.outside(t, pgSchema)
		default:
			name := fmt.Sprintf("test_%d", d.key)
			d.url = d.server.URL()
			d.outside(t, "create schema "+name)
			d.url += "&search_path=" + name
			d.stopWatching() // it has another search_path
			d.outside(t, pgSchema)
		}
		d.via = d.url + o.params
		addr := d.server.Addr()
		if o.proxied {
			proxy, err := pgproxy.New(addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Close)
			d.proxy, addr = proxy, proxy.Addr()
		}
		if o.via != nil {
			addr = o.via(t, d, addr)
		}
		if addr != d.server.Addr() {
			d.via = pgserver.Via(d.via, addr)
		}
		t.Cleanup(d.stopWatching)
		d.pool = pgtest.Pool(t, d.via, func(c *pgxpool.Config) {
			c.MaxConns = 4
			c.ConnConfig.OnNotice = d.notice
			if o.pool != nil {
				o.pool(c)
			}
		})
		d.next = pgadapter.Classify
		d.db = pgadapter.New(d.pool, pgadapter.Config{
			TxOptions: pgx.TxOptions{IsoLevel: o.iso, AccessMode: o.access}, Classify: d.classify,
			NoVerdict: true, // what is looked up is not judged
		})
		return d
	}
}

// database returns the name of the database.
func (d *pgDB) database(t *testing.T) string {
	t.Helper()
	cfg, err := pgx.ParseConfig(d.url)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Database
}

func (d *pgDB) adapter() txctx.DB { return d.db }

const pgBegin = `select pg_backend_pid() from pg_advisory_xact_lock($1)`

func (d *pgDB) begin(ctx context.Context) (session string, err error) {
	var pid int
	err = pgadapter.Tx(ctx).QueryRow(ctx, pgBegin, d.key).Scan(&pid)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	session = strconv.Itoa(pid)
	d.clients[session] = pgadapter.Tx(ctx).Conn().PgConn().PID()
	return session, nil
}

func (d *pgDB) effect(ctx context.Context, attempt int) error {
	_, err := pgadapter.Tx(ctx).Exec(ctx, `insert into effect values ($1)`, attempt)
	return err
}

func (d *pgDB) effects(t *testing.T) []int {
	t.Helper()
	var got []int
	err := d.watch(func(conn *pgx.Conn) error {
		rows, _ := conn.Query(context.Background(), `select attempt from effect order by attempt`)
		var err error
		got, err = pgx.CollectRows(rows, pgx.RowTo[int])
		return err
	})
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && (e.Code == "3D000" || e.Code == "55000") {
		return nil // the database has gone with the scenario, or is about to
	}
	if err != nil {
		t.Error(err)
	}
	return got
}

func (d *pgDB) locked(t *testing.T) (held bool) {
	t.Helper()
	// Where the server is down, or the database has gone, nobody has it.
	err := d.watch(func(conn *pgx.Conn) error {
		return conn.QueryRow(context.Background(),
			`select count(*) > 0 from pg_locks where locktype = 'advisory' and objid = $1 and granted`, d.key).Scan(&held)
	})
	return err == nil && held
}

func (d *pgDB) pooled(_ *testing.T, session string) (yes bool) {
	d.mu.Lock()
	client := d.clients[session]
	d.mu.Unlock()
	for _, c := range d.pool.AcquireAllIdle(context.Background()) {
		yes = yes || c.Conn().PgConn().PID() == client
		c.Release()
	}
	return yes
}

func (d *pgDB) inUse() int { return int(d.pool.Stat().AcquiredConns()) }

func (d *pgDB) code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// outside runs statements past the pool.
func (d *pgDB) outside(t *testing.T, sql string, args ...any) {
	t.Helper()
	err := d.watch(func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), sql, args...)
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", sql, err)
	}
}

// watch calls do with a lasting connection past the pool, made anew where it was
// lost.
func (d *pgDB) watch(do func(conn *pgx.Conn) error) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range 2 {
		if d.watcher == nil || d.watcher.IsClosed() {
			if d.watcher, err = pgx.Connect(context.Background(), d.url+"&default_query_exec_mode=exec"); err != nil {
				return err
			}
		}
		if err = do(d.watcher); err == nil || !d.watcher.IsClosed() {
			return err
		}
	}
	return err
}

func (d *pgDB) stopWatching() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watcher != nil {
		_ = d.watcher.Close(context.Background())
		d.watcher = nil
	}
}

// session returns a connection past the pool, closed with the test.
func (d *pgDB) session(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (d *pgDB) notice(_ *pgconn.PgConn, n *pgconn.Notice) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notices = append(d.notices, n)
}

// warned says whether the server sent a warning with a code.
func (d *pgDB) warned(code, text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.notices {
		if n.Code == code && strings.Contains(n.Message, text) {
			return true
		}
	}
	return false
}
