package provoked_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/sqlfault"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// liteDB is a file of its own behind sqliteadapter. What is past the adapter has
// connections of its own, as another process would: SQLite locks files by connection.
type liteDB struct {
	judges
	t    *testing.T
	file string
	side string // another file, attached to every connection; "" without
	db   *sqliteadapter.DB
	liteNumbered
	faults *sqlfault.Connector
	past   *sql.DB // past the adapter, and never waiting for a lock
	first  string  // the statement that begins an attempt
}

// liteOptions vary a liteDB. The zero value has what sqliteadapter does without being
// told, but for waiting for locks.
type liteOptions struct {
	params string // "name=value&name=value" of the DSN
	first  string // the first statement. one that reads

	// side is the journal of a file that is attached to every connection. Such
	// connections begin DEFERRED, or BEGIN would lock that file, too. no such file
	side string

	// prepare is called before the file is opened, and may put another there. nothing
	prepare func(t *testing.T, file string)
	bare    bool // it has no tables, and no connection is opened before the request
}

const (
	liteSchema = `
		create table effect (attempt int);
		create table counter (id int primary key, n int not null);
		insert into counter values (1, 0), (2, 0);
		create table parent (id int primary key);
		create table child (id int references parent (id) deferrable initially deferred);`
	liteFast = "_pragma=synchronous(0)" // no machine loses its power here
	liteSide = `create table counter (id int primary key, n int not null); insert into counter values (1, 0);`
)

// lite returns what opens a liteDB.
func lite(o liteOptions) func(t *testing.T) *liteDB {
	return func(t *testing.T) *liteDB {
		dir := t.TempDir()
		d := &liteDB{t: t, file: filepath.Join(dir, "main.db"), first: `select count(*) from effect`}
		if o.first != "" {
			d.first = o.first
		}
		params := []string{o.params, liteFast}
		if !strings.Contains(o.params, "busy_timeout") {
			params = append(params, "_pragma=busy_timeout(10)")
		}
		if o.side != "" {
			d.side = filepath.Join(dir, "side.db")
			params = append(params, "_txlock=deferred")
			d.first = `update counter set n = n + 1 where id = 2` // which locks
			liteRun(t, d.session(t, d.side), "pragma journal_mode="+o.side, liteSide)
		}
		if o.prepare != nil {
			o.prepare(t, d.file)
		}
		c, err := sqliteadapter.Connector("file:" + d.file + "?" + strings.Join(params, "&"))
		if err != nil {
			t.Fatal(err)
		}
		d.faults = sqlfault.New(c)
		d.Connector = d.faults
		if d.side != "" {
			d.opening = "attach database '" + d.side + "' as side"
		}
		d.next = sqliteadapter.Classify
		d.db = sqliteadapter.New(&d.liteNumbered, sqliteadapter.Config{Classify: d.classify})
		t.Cleanup(func() { _ = d.db.Close() })
		if d.past, err = sql.Open("sqlite", d.file+"?"+liteFast); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.past.Close() })
		if !o.bare {
			if _, err := d.db.SQL().Exec(liteSchema); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
}

func (d *liteDB) adapter() txctx.DB { return d.db }

// begin names the connection that BEGIN came to, also where it was refused: a
// scenario has one attempt at a time.
func (d *liteDB) begin(ctx context.Context) (session string, err error) {
	d.begunOn(0)
	tx := sqliteadapter.Tx(ctx)
	rows, err := tx.QueryContext(ctx, d.first)
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		_ = rows.Close()
	}
	if n := d.begun(); n != 0 {
		session = strconv.Itoa(n)
	}
	return session, err
}

func (d *liteDB) effect(ctx context.Context, attempt int) error {
	_, err := sqliteadapter.Tx(ctx).ExecContext(ctx, `insert into effect values (?)`, attempt)
	if err == nil && !d.locked(d.t) {
		d.t.Error("a transaction that writes has no lock that others could see")
	}
	return err
}

func (d *liteDB) effects(t *testing.T) (got []int) {
	t.Helper()
	rows, err := d.past.Query(`select attempt from effect order by attempt`)
	if err != nil {
		if code := d.code(err); code != "1" && code != "14" && code != "26" {
			t.Error(err)
		}
		return nil // the scenario has no such table, folder or database
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Error(err)
		}
		got = append(got, n)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	return got
}

// locked asks for all locks at once, and gives them back. It sees who writes, and
// without WAL who reads, too.
func (d *liteDB) locked(t *testing.T) bool {
	t.Helper()
	c, err := d.past.Conn(context.Background())
	if err != nil {
		return false // there is no database, so nobody has locked it
	}
	defer c.Close()
	_, err = c.ExecContext(context.Background(), "begin exclusive")
	if err == nil {
		if _, err := c.ExecContext(context.Background(), "rollback"); err != nil {
			t.Error(err)
		}
	}
	return d.code(err) == "5"
}

// pooled has the pool give out all that it has.
func (d *liteDB) pooled(t *testing.T, session string) (yes bool) {
	t.Helper()
	pool := d.db.SQL()
	for range pool.Stats().Idle {
		c, err := pool.Conn(context.Background())
		if err != nil {
			return false // the pool had none, and could not make one
		}
		defer c.Close()
		_ = c.Raw(func(dc any) error {
			yes = yes || strconv.Itoa(liteNumberOf(dc)) == session
			return nil
		})
	}
	return yes
}

func (d *liteDB) inUse() int { return d.db.SQL().Stats().InUse }

func (d *liteDB) code(err error) string {
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		return strconv.Itoa(e.Code())
	}
	return ""
}

// session returns a connection to a file past the adapter, closed with the test.
func (d *liteDB) session(t *testing.T, file string) *sql.Conn {
	t.Helper()
	pool, err := sql.Open("sqlite", file+"?"+liteFast)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	conn, err := pool.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func liteRun(t *testing.T, conn *sql.Conn, statements ...string) {
	t.Helper()
	for _, query := range statements {
		if _, err := conn.ExecContext(context.Background(), query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}
