package mysqlproxy_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	. "github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
)

func TestPassesThrough(t *testing.T) {
	t.Parallel()
	p, via, _ := start(t)
	c := connect(t, via)
	if n := p.Flushes(); n != 0 {
		t.Errorf("%d flushes before the first command", n)
	}
	if err := insert(t, c, 1); err != nil {
		t.Fatal(err)
	}
	// START TRANSACTION, prepare, execute, COMMIT; the statement's end is no wait.
	if n := p.Flushes(); n != 4 {
		t.Errorf("%d flushes", n)
	}
	want := []string{"START TRANSACTION", "insert into t values (?)", "COMMIT"}
	if got := p.Queries(); !slices.Equal(got, want) {
		t.Errorf("queries %q", got)
	}
	if n := rows(t, c, 1); n != 1 {
		t.Errorf("%d rows", n)
	}
	p.ResetCounts()
	if n := p.Flushes() + int64(len(p.Queries())); n != 0 {
		t.Errorf("%d left", n)
	}
	if p.Conns() != 1 || p.Dials() != 1 || p.Faults() != 0 {
		t.Error(p.Conns(), p.Dials(), p.Faults())
	}
	if err := c.Raw(func(c any) error { return c.(io.Closer).Close() }); err != nil {
		t.Error(err)
	}
	dbtest.Eventually(t, "no session", func() bool { return p.Conns() == 0 })
}

// TestFollowsReplies runs all kinds of replies and checks that the proxy knows
// where each ends: the reply to a marker is swallowed, and nothing else.
func TestFollowsReplies(t *testing.T) {
	t.Parallel()
	p, via, _ := start(t)
	c := connect(t, via+"&multiStatements=true")
	stmt, err := c.PrepareContext(t.Context(), "select ?, seq from seq_1_to_3")
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	for name, run := range map[string]func() (*sql.Rows, error){
		"text":     func() (*sql.Rows, error) { return c.QueryContext(t.Context(), "select null, seq from seq_1_to_3") },
		"prepared": func() (*sql.Rows, error) { return stmt.QueryContext(t.Context(), "x") },
		"many": func() (*sql.Rows, error) {
			return c.QueryContext(t.Context(), "select 1; insert into t values (7); select seq from seq_1_to_3; delete from t")
		},
		"none":  func() (*sql.Rows, error) { return c.QueryContext(t.Context(), "select 1 from t") },
		"error": func() (*sql.Rows, error) { return c.QueryContext(t.Context(), "select * from none") },
		"ping":  func() (*sql.Rows, error) { return nil, c.PingContext(t.Context()) },
		"cut":   func() (*sql.Rows, error) { return c.QueryContext(t.Context(), "select (select seq from seq_1_to_2)") },
	} {
		for range 3 { // MariaDB leaves out columns that the client knows
			p.ResetCounts()
			rows, err := run()
			if err == nil && rows != nil {
				for more := true; more; more = rows.NextResultSet() {
					for rows.Next() {
					}
				}
				err = rows.Err()
				rows.Close()
			}
			if failed := name == "error" || name == "cut"; (err != nil) != failed {
				t.Errorf("%s: %v", name, err)
			}
			if n := p.Flushes(); n != 1 {
				t.Errorf("%s: %d flushes", name, n)
			}
			hit := p.Add(Rule{When: mysqlproxy.Reply("set @marker"), Nth: 1})
			exec(t, c, "set @marker = 1")
			dbtest.Wait(t, name+": marker", hit.Done())
		}
	}
	p.Add(Rule{When: SQL("set @marker"), AwaitReply: true, Then: CutClient})
	if _, err := c.ExecContext(t.Context(), "set @marker = 1"); !errors.Is(err, mysql.ErrInvalidConn) {
		t.Error(err)
	}
}

// TestBigMessages goes beyond the queue's limit.
func TestBigMessages(t *testing.T) {
	t.Parallel()
	_, via, _ := start(t)
	c := connect(t, via)
	var n int
	arg := strings.Repeat("x", 6<<20)
	if err := c.QueryRowContext(t.Context(), "select length(?)", arg).Scan(&n); err != nil || n != len(arg) {
		t.Error(n, err)
	}
	var got string
	if err := c.QueryRowContext(t.Context(), "select repeat('y', 9000000)").Scan(&got); err != nil || len(got) != 9000000 {
		t.Error(len(got), err)
	}
	rows, err := c.QueryContext(t.Context(), "select repeat('x', 1000) from seq_1_to_20000")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := 0
	for rows.Next() {
		all++
	}
	if all != 20000 || rows.Err() != nil {
		t.Error(all, rows.Err())
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	p, via, _ := start(t)
	live := connect(t, via)
	p.Refuse(true)
	if err := mariatest.Pool(t, via).PingContext(t.Context()); err == nil {
		t.Error("connected")
	}
	if err := live.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
	p.Refuse(false)
	p.BlackHole(true)
	for _, c := range []interface{ PingContext(context.Context) error }{live, mariatest.Pool(t, via)} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := c.PingContext(ctx); ctx.Err() == nil {
			t.Error(err)
		}
		cancel()
	}
	p.BlackHole(false)
	p.CutAll(FIN)
	again := connect(t, via)
	if n := p.CutAll(RST); n != 1 {
		t.Errorf("%d cut", n)
	}
	if err := again.PingContext(t.Context()); err == nil {
		t.Error("a session survived")
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	p, _, _ := start(t)
	proxytest.Strangers(t, p, "", "\x00", "\x00\x00\x00\x00", "GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\x00", "\x01\x00\x00\x01\x03")
}
