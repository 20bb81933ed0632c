package provoked_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgbouncer"
	"github.com/reprise-go/reprise/internal/pgbouncer/bouncertest"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/retryable"
)

// Mutation seen to fail it: query_wait_timeout is not Overloaded.
func TestPgBouncer(t *testing.T) { play(t, true, bounced(nil, pgOptions{}), pgBouncer) }

// settings are a pooler's.
type settings map[string]string

// bounced puts a pooler before the server, or before the proxy where there is one.
// Statements are not prepared: the pooler does not carry them from one connection of
// the server's to the next.
func bounced(s settings, o pgOptions) func(t *testing.T) *pgDB {
	o.own = true // for poolers refuse search_path
	if o.params == "" {
		o.params = "&default_query_exec_mode=exec"
	}
	o.via = func(t *testing.T, d *pgDB, addr string) string {
		cfg := pgbouncer.Config{Upstream: addr, Settings: s}
		if o.listed {
			cfg.Databases = []string{d.database(t)}
		}
		d.pooler = bouncertest.New(t, cfg)
		return d.pooler.Addr()
	}
	return pg(o)
}

var (
	impatientPooler = settings{"default_pool_size": "1", "query_wait_timeout": "0.3"}
	prepared        = pgOptions{pool: alone, params: "&default_query_exec_mode=cache_statement"}
)

var pgBouncer = []pgScenario{
	{
		row: "pgb-001", name: "the server's link is cut", text: "server conn crashed", open: bounced(nil, pgOptions{proxied: true}),
		provoke: func(a *pgAttempt) error {
			a.db.proxy.CutAll(pgproxy.RST)
			return until(a, `select pg_sleep(0.01)`)
		},
	},
	{
		row: "pgb-004", policy: shortAcquire, name: "somebody else has the only connection", text: "query_wait_timeout", open: bounced(impatientPooler, pgOptions{}),
		before: func(a *pgAttempt) {
			other := client(a, `begin`, `select 1`)
			a.after(func() { _ = other.Close(context.Background()) })
		},
	},
	{
		row: "pgb-004", policy: shortAcquire, name: "PAUSE", text: "query_wait_timeout", open: bounced(impatientPooler, pgOptions{}),
		before: func(a *pgAttempt) {
			if err := a.db.pool.Ping(a.ctx); err != nil { // a first connection would wait, and say nothing
				a.Error(err)
			}
			admin(a.T, a.db, `pause`)
		},
		heal: func(t *testing.T, d *pgDB) { admin(t, d, `resume`) },
	},
	{
		row: "pgb-020", name: "nothing happens in a transaction", text: "idle transaction timeout",
		open: bounced(settings{"idle_transaction_timeout": "0.3"}, pgOptions{}),
		provoke: func(a *pgAttempt) error {
			a.db.gone(a.T, a.session)
			return do(`select 1`)(a)
		},
	},
	{
		row: "pgb-013", name: "too many clients", text: "no more connections allowed", open: bounced(settings{"max_client_conn": "3"}, pgOptions{}),
		before: takeClients,
	},
	{
		row: "pgb-028", name: "KILL", text: "database removed",
		provoke: func(a *pgAttempt) error {
			admin(a.T, a.db, `kill `+a.db.database(a.T))
			return do(`select 1`)(a)
		},
		heal: func(t *testing.T, d *pgDB) { admin(t, d, `resume `+d.database(t)) },
	},
	{
		row: "pgb-025", name: "a database that the pooler was not told of", text: "config error",
		open: bounced(nil, pgOptions{listed: true, pool: func(c *pgxpool.Config) { c.ConnConfig.Database = "nosuch" }}),
	},
	{
		row: "pgb-005", name: "the server is down", text: "server_login_retry",
		policy: func(p *retryable.Policy) { p.AcquireTimeout = time.Second / 2 },
		open:   bounced(settings{"server_login_retry": "0.2", "query_wait_timeout": "0.3"}, pgOptions{proxied: true}),
		before: func(a *pgAttempt) {
			if err := a.db.pool.Ping(a.ctx); err != nil {
				a.Error(err)
			}
			other := client(a, `select 1`)
			a.db.proxy.SetUpstream(nobody(a.T, nil, ""))
			a.db.proxy.CutAll(pgproxy.RST)
			if _, err := other.Exec(a.ctx, `select 1`); err == nil { // now the pooler knows
				a.Error("it is there")
			}
		},
		heal: func(t *testing.T, d *pgDB) {
			d.proxy.SetUpstream(d.server.Addr())
			dbtest.Eventually(t, "the pooler has tried again", func() bool { return d.pool.Ping(context.Background()) == nil })
		},
	},
	{
		row: "pgb-018", name: "idle in the pool", text: "client_idle_timeout", spared: true, unasked: true,
		gives:    &verdict{code: "08P01", phase: retryable.Connect, reason: retryable.Disconnected},
		disputed: "it strikes outside of transactions alone, so that no statement ever meets it, but BEGIN",
		open: bounced(settings{"client_idle_timeout": "0.3"}, pgOptions{pool: func(c *pgxpool.Config) {
			c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // or the pool finds out first
		}}),
		before: func(a *pgAttempt) {
			conn, err := a.db.pool.Acquire(a.ctx)
			if err != nil {
				a.Error(err)
				return
			}
			conn.Release()
			other := client(a) // goes after that one
			_, _ = other.WaitForNotification(a.ctx)
		},
	},
	{
		row: "pgb-012", name: "no such database", text: "does not exist",
		open: bounced(nil, pgOptions{pool: func(c *pgxpool.Config) { c.ConnConfig.Database = "nosuch" }}),
	},
	{
		row: "pg-046", name: "prepared on another connection of the server's", text: "does not exist", open: bounced(nil, prepared),
		before: func(a *pgAttempt) {
			if _, err := a.db.pool.Exec(a.ctx, pgBegin, a.db.key); err != nil {
				a.Error(err)
			}
			client(a, `begin`, `select 1`) // takes it, and stays
		},
	},
	{
		row: "pg-054", name: "prepared by another client", text: "already exists", open: bounced(settings{"default_pool_size": "1"}, prepared),
		before: func(a *pgAttempt) {
			other := client(a)
			if _, err := other.Exec(a.ctx, pgBegin, a.db.key); err != nil {
				a.Error(err)
			}
		},
	},
	{
		row: "pgb-029", name: "the server's link is cut at COMMIT", text: "server conn crashed", committed: true,
		open: bounced(nil, pgOptions{proxied: true}),
		provoke: func(a *pgAttempt) error {
			a.db.proxy.Add(pgproxy.Rule{When: pgproxy.SQL("commit"), AwaitReply: true, Then: pgproxy.CutBoth})
			return nil
		},
	},
	{
		row: "pg-093", name: "terminated during COMMIT", text: "administrator command",
		provoke: and(slowCommit, func(a *pgAttempt) error {
			whenWaiting(a, a.session, `wait_event = 'PgSleep'`, func() { terminate(a) })
			return nil
		}),
	},
	{
		row: "pg-092", name: "terminated in a statement", text: "administrator command",
		provoke: func(a *pgAttempt) error {
			whenWaiting(a, a.session, `wait_event = 'PgSleep'`, func() { terminate(a) })
			return do(`select pg_sleep(60)`)(a)
		},
	},
}

// takeClients opens connections like the attempt's until there are no more.
func takeClients(a *pgAttempt) {
	connect := func() (*pgx.Conn, error) {
		return pgx.ConnectConfig(context.Background(), a.db.pool.Config().ConnConfig)
	}
	var taken []*pgx.Conn
	conn, err := connect()
	for ; err == nil; conn, err = connect() {
		taken = append(taken, conn)
	}
	a.after(func() {
		for _, conn := range taken {
			_ = conn.Close(context.Background())
		}
		// When two fit at once, one does, even if the pooler is slow to see them leave.
		eventually(a.T, "two clients fit", func() bool {
			one, err1 := connect()
			two, err2 := connect()
			if err1 == nil {
				_ = one.Close(context.Background())
			}
			if err2 == nil {
				_ = two.Close(context.Background())
			}
			return err1 == nil && err2 == nil
		})
	})
}

// shortAcquire has a second try within the attempt end soon.
func shortAcquire(p *retryable.Policy) { p.AcquireTimeout = 50 * time.Millisecond }

// client is another one of the pooler's, closed with the test.
func client(a *pgAttempt, statements ...string) *pgx.Conn {
	conn, err := pgx.ConnectConfig(a.ctx, a.db.pool.Config().ConnConfig)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, sql := range statements {
		run(a.T, conn, sql)
	}
	return conn
}

func admin(t *testing.T, d *pgDB, command string) {
	t.Helper()
	if err := d.pooler.Admin(context.Background(), command); err != nil {
		t.Error(err)
	}
}
