package provoked_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/retryable"
)

// Mutation seen to fail it: ValidateConnect is None.
func TestPostgresConnect(t *testing.T) { play(t, true, proxied, pgConnect) }

// pgConnect: no connection to begin a transaction on.
var pgConnect = []pgScenario{
	{
		name: "nobody listens", is: syscall.ECONNREFUSED, gives: &verdict{reason: retryable.Disconnected},
		open: pg(pgOptions{via: nobody}), always: true,
	},
	{
		row: "pgx-002", name: "no socket", is: syscall.ENOENT, always: true,
		open: pg(pgOptions{params: "&host=/nosuch"}),
	},
	{
		row: "pgx-004", name: "no such host", like: notFound, always: true,
		open: pg(pgOptions{params: "&host=nosuch.example", pool: func(c *pgxpool.Config) { c.ConnConfig.LookupFunc = noNames }}),
	},
	{
		row: "pgx-005", name: "accepted, then closed", is: io.ErrUnexpectedEOF, open: pg(pgOptions{via: hangsUp}), always: true,
	},
	{
		row: "pgx-006", name: "accepted, then reset", is: syscall.ECONNRESET,
		before: func(a *pgAttempt) {
			a.db.proxy.Add(pgproxy.Rule{When: pgproxy.Byte(pgproxy.Down, 0), FromStart: true, Do: pgproxy.Drop, Then: pgproxy.CutClient, How: pgproxy.RST})
		},
	},
	{
		row: "pgx-007", name: "connect_timeout", is: context.DeadlineExceeded,
		open:   pg(pgOptions{proxied: true, pool: func(c *pgxpool.Config) { c.ConnConfig.ConnectTimeout = 50 * time.Millisecond }}),
		before: func(a *pgAttempt) { a.db.proxy.BlackHole(true) },
		heal:   func(_ *testing.T, d *pgDB) { d.proxy.BlackHole(false) },
	},
	{
		row: "pgx-008", name: "the request's deadline, while connecting", is: context.DeadlineExceeded, unasked: true,
		outer: deadline, status: http.StatusServiceUnavailable,
		before: func(a *pgAttempt) { a.db.proxy.BlackHole(true) },
		heal:   func(_ *testing.T, d *pgDB) { d.proxy.BlackHole(false) },
	},
	{
		row: "pgx-011", name: "TLS refused", text: "server refused TLS connection",
		open: pg(pgOptions{pool: func(c *pgxpool.Config) { c.ConnConfig.TLSConfig = &tls.Config{ServerName: "x"} }}),
	},
	{
		row: "pgx-014", name: "target_session_attrs=read-only on a primary", text: "ValidateConnect failed", always: true,
		open: pg(pgOptions{params: "&target_session_attrs=read-only"}),
	},
	{
		row: "pgx-014", name: "target_session_attrs=standby on a primary", text: "not in hot standby mode", always: true,
		open: pg(pgOptions{params: "&target_session_attrs=standby"}),
	},
	{
		row: "pgx-015", name: "prefer-standby, and then the primary is gone, too", text: "not in hot standby mode", like: notPreferred,
		gives:    &verdict{reason: retryable.Disconnected},
		disputed: "pgx tries the wrong one again, so that this never comes alone: what became of the second try decides",
		open:     pg(pgOptions{proxied: true, params: "&target_session_attrs=prefer-standby"}),
		before: func(a *pgAttempt) { // the first time it is the wrong one, the second time it is wanted
			a.db.proxy.Add(pgproxy.Rule{When: pgproxy.Message(pgproxy.Up, 0), FromStart: true, Nth: 2, Do: pgproxy.Drop, Then: pgproxy.CutBoth})
		},
	},
	{
		row: "pgx-017", name: "the pool is used up", is: context.DeadlineExceeded,
		open: pg(pgOptions{pool: alone}), policy: func(p *retryable.Policy) { p.AcquireTimeout = 50 * time.Millisecond },
		before: func(a *pgAttempt) {
			conn, err := a.db.pool.Acquire(a.ctx)
			if err != nil {
				a.Error(err)
				return
			}
			a.after(conn.Release)
		},
	},
	{
		row: "pgx-019", name: "the pool is closed", is: puddle.ErrClosedPool,
		before: func(a *pgAttempt) { a.db.pool.Close() },
	},
	{
		row: "pgx-020", name: "a hook likes no connection", text: "too many failed attempts", open: picky,
	},
	{
		row: "pg-049", name: "no such database", text: "does not exist",
		open: pg(pgOptions{pool: func(c *pgxpool.Config) { c.ConnConfig.Database = "nosuch" }}),
	},
	{
		row: "pg-047", name: "no such role", text: "does not exist",
		open: pg(pgOptions{pool: func(c *pgxpool.Config) { c.ConnConfig.User = "nosuch" }}),
	},
	{
		row: "pg-080", name: "ALLOW_CONNECTIONS false", text: "not currently accepting connections",
		open: pg(pgOptions{own: true}),
		before: func(a *pgAttempt) {
			name := a.db.pool.Config().ConnConfig.Database
			if err := a.db.server.Exec(a.ctx, `alter database `+name+` allow_connections false`); err != nil {
				a.Error(err)
			}
		},
		heal: func(t *testing.T, d *pgDB) {
			name := d.pool.Config().ConnConfig.Database
			if err := d.server.Exec(t.Context(), `alter database `+name+` allow_connections true`); err != nil {
				t.Error(err)
			}
		},
	},
	{
		row: "pg-073", name: "the role's limit", text: "too many connections for role",
		open: func(t *testing.T) *pgDB { return asRole(t, pgOptions{}, "connection limit 1") },
		before: func(a *pgAttempt) {
			other, err := pgx.ConnectConfig(a.ctx, a.db.pool.Config().ConnConfig)
			if err != nil {
				a.Error(err)
				return
			}
			a.after(func() {
				_ = other.Close(context.Background())
				a.db.gone(a.T, sessionOf(other))
			})
		},
	},
}

func notFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

func notPreferred(err error) bool {
	_, ok := errors.AsType[*pgconn.NotPreferredError](err)
	return ok
}

// nobody is an address that nobody listens at.
func nobody(t *testing.T, _ *pgDB, _ string) string {
	l := listen(t)
	_ = l.Close()
	return l.Addr().String()
}

// hangsUp accepts, reads what the client begins with, and closes.
func hangsUp(t *testing.T, _ *pgDB, _ string) string {
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1024))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// picky has a pool whose hook refuses all connections for one Acquire.
func picky(t *testing.T) *pgDB {
	var asked atomic.Int32
	return pg(pgOptions{pool: func(c *pgxpool.Config) {
		c.MaxConns = 1 // and then two refusals are enough
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return asked.Add(1) > 2, nil }
	}})(t)
}

// noNames asks a name server that knows no name.
func noNames(ctx context.Context, host string) ([]string, error) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 512); ; {
			n, client, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			buf[2], buf[3] = 0x81, 0x83 // a reply: NXDOMAIN
			_, _ = server.WriteTo(buf[:n], client)
		}
	}()
	defer func() { _ = server.Close(); <-done }()
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	return resolver.LookupHost(ctx, host)
}
