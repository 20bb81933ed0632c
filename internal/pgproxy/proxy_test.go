package pgproxy_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func TestPassesThrough(t *testing.T) {
	t.Parallel()
	p, via, _ := startDB(t)
	c := connect(t, via+"&application_name=x")
	if err := insert(t, c, 1); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, c, 1); n != 1 {
		t.Errorf("%d rows", n)
	}
	if n := p.Count(pgproxy.Down, 'Z'); n != 6 {
		t.Errorf("%d ReadyForQuery", n) // begin, prepare, insert, commit, prepare, select
	}
	if n := p.Flushes(); n != 6 {
		t.Errorf("%d flushes", n)
	}
	want := []string{"begin", "insert into t values ($1)", "commit", "select count(*) from t where id = $1"}
	if got := p.Queries(); !slices.Equal(got, want) {
		t.Errorf("queries %q", got)
	}
	p.ResetCounts()
	if n := p.Flushes() + int64(len(p.Queries())); n != 0 {
		t.Errorf("%d left", n)
	}
	if p.Conns() != 1 || p.Dials() != 1 || p.Faults() != 0 {
		t.Error(p.Conns(), p.Dials(), p.Faults())
	}
	c.Close(t.Context())
	dbtest.Eventually(t, "no session", func() bool { return p.Conns() == 0 })
}

func TestRefusesEncryption(t *testing.T) {
	t.Parallel()
	_, via := start(t)
	cfg, err := pgx.ParseConfig(via[:len(via)-len("disable")] + "prefer")
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.Close(t.Context())
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	live := connect(t, via)
	p.Refuse(true)
	if _, err := pgx.Connect(t.Context(), via); err == nil {
		t.Error("connected")
	}
	if err := live.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	p.Refuse(false)
	connect(t, via)
}

func TestUpstream(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p.SetUpstream(l.Addr().String())
	if _, err := pgx.Connect(t.Context(), via); err == nil {
		t.Error("connected to nobody")
	}
	p.SetUpstream(pgtest.Shared(t).Addr())
	connect(t, via)
}

func TestCutAll(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	for _, how := range []pgproxy.How{pgproxy.FIN, pgproxy.RST} {
		a, b := connect(t, via), connect(t, via)
		if n := p.CutAll(how); n != 2 {
			t.Errorf("%d cut", n)
		}
		if a.Ping(t.Context()) == nil || b.Ping(t.Context()) == nil {
			t.Error("a session survived")
		}
		if n := p.Conns(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	}
}

func TestBlackHole(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	live := connect(t, via)
	p.BlackHole(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := live.Ping(ctx); ctx.Err() == nil {
		t.Error(err)
	}
	if _, err := pgx.Connect(ctx, via); err == nil {
		t.Error("connected")
	}
	if n := p.Conns(); n != 1 {
		t.Errorf("%d sessions: the server was told", n)
	}
	p.BlackHole(false)
	connect(t, via)
}

func TestCancelRequests(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	c := connect(t, via)
	ended := make(chan error, 1)
	hit := p.Add(pgproxy.Rule{When: pgproxy.SQL("pg_sleep")})
	go func() {
		_, err := c.PgConn().Exec(t.Context(), "select pg_sleep(60)").ReadAll()
		ended <- err
	}()
	dbtest.Wait(t, "the query", hit.Done())

	p.DropCancels(true)
	if err := c.PgConn().CancelRequest(t.Context()); err != nil {
		t.Error(err)
	}
	if n := p.Cancels(); n != 1 {
		t.Errorf("%d cancel requests", n)
	}
	p.DropCancels(false)
	// The server may not have begun the query at the first request.
	dbtest.Eventually(t, "cancelled", func() bool {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("the query ended by itself")
			}
			return true
		default:
			if err := c.PgConn().CancelRequest(t.Context()); err != nil {
				t.Error(err)
			}
			return false
		}
	})
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	proxytest.Strangers(t, p, "", "\x00", "\x00\x00\x00\x00", "GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x08\x00\x03", "\x00\x00\x00\x05\x00")
}
