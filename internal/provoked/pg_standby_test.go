package provoked_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// TestPostgresStandby has a primary and a standby, which is promoted in the end.
func TestPostgresStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.New(t, pgserver.Config{})
	standby := follow(t, primary, map[string]string{"max_standby_streaming_delay": "50ms"})
	pair := standbyPair{primary: primary, standby: standby}
	failover := func(code string) *verdict {
		return &verdict{code: code, phase: retryable.Statement, reason: retryable.Failover}
	}
	play(t, false, pair.open(pgOptions{}), []pgScenario{
		{
			name: "25006 a write, and then the proxy finds the primary", text: "read-only transaction", gives: failover("25006"),
			open: pair.redirected(pgOptions{}), heal: pair.redirect,
		},
		{row: "pg-040", name: "LISTEN", text: "during recovery", noEffect: true, provoke: do(`listen x`)},
		{row: "pg-078", name: "the position in the WAL", text: "recovery is in progress", noEffect: true, provoke: do(`select pg_current_wal_lsn()`)},
		{row: "pg-117", name: "a large object", text: "cannot assign OIDs during recovery", noEffect: true, provoke: do(`select lo_create(0)`)},
		{
			row: "pg-016", name: "BEGIN READ WRITE", text: "read-write mode during recovery",
			gives:    &verdict{code: "0A000", phase: retryable.Connect, reason: retryable.Failover},
			disputed: "it is BEGIN itself that fails",
			open:     pair.redirected(pgOptions{access: pgx.ReadWrite}), heal: pair.redirect,
		},
		{
			name: "0A000 BEGIN ISOLATION LEVEL SERIALIZABLE", text: "serializable mode in a hot standby",
			gives: &verdict{code: "0A000", phase: retryable.Connect, reason: retryable.Failover},
			open:  pair.redirected(pgOptions{iso: pgx.Serializable}), heal: pair.redirect,
		},
		{
			row: "pgx-014", name: "target_session_attrs=read-write", text: "ValidateConnect failed",
			open: pair.redirected(pgOptions{params: "&target_session_attrs=read-write"}), heal: pair.redirect,
		},
		{
			row: "pg-060", name: "VACUUM while a query runs", text: "canceling statement due to conflict with recovery", noEffect: true,
			provoke: func(a *pgAttempt) error {
				whenWaiting(a, a.session, `wait_event = 'PgSleep'`, func() {
					pair.onPrimary(a.T, a.db, `delete from counter`, `vacuum counter`)
				})
				return do(`select pg_sleep(60) from counter`)(a)
			},
		},
		{
			row: "pg-061", name: "ALTER TABLE while a transaction is idle", text: "terminating connection due to conflict with recovery", noEffect: true,
			provoke: func(a *pgAttempt) error {
				if err := do(`select from counter`)(a); err != nil {
					return err
				}
				pair.onPrimary(a.T, a.db, `alter table counter add column more int`)
				a.db.gone(a.T, a.session)
				return do(`select 1`)(a)
			},
		},
		{
			row: "pg-103", name: "DROP DATABASE", text: "terminating connection due to conflict with recovery", noEffect: true,
			open: pair.open(pgOptions{own: true}),
			provoke: func(a *pgAttempt) error {
				a.db.stopWatching()
				name := a.db.pool.Config().ConnConfig.Database
				if err := primary.DropDatabases(a.ctx, name); err != nil {
					return err
				}
				return until(a, `select pg_sleep(0.01)`)
			},
		},
		{
			row: "pg-041", name: "promoted between two statements", text: "read-only transaction", noEffect: true,
			provoke: func(a *pgAttempt) error {
				if err := standby.Promote(a.ctx); err != nil {
					return err
				}
				return do(bump1)(a)
			},
		},
	})
}

// TestPostgresColdStandby has one that lets nobody in.
func TestPostgresColdStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.New(t, pgserver.Config{})
	standby := follow(t, primary, map[string]string{"hot_standby": "off"})
	pair := standbyPair{primary: primary, standby: standby, cold: true}
	play(t, false, pair.redirected(pgOptions{}), []pgScenario{
		{row: "pg-101", name: "hot_standby=off", text: "not accepting connections", heal: pair.redirect},
		{
			row: "pgb-011", name: "hot_standby=off, behind PgBouncer", text: "the database system is not accepting connections",
			open: func(t *testing.T) *pgDB {
				d := bounced(settings{"server_login_retry": "0.2"}, pgOptions{server: func(*testing.T) *pgserver.Server { return primary }, proxied: true})(t)
				d.proxy.SetUpstream(standby.Addr())
				return d
			},
			heal: pair.redirect,
		},
	})
}

// TestPostgresReadOnly has primaries that take no writes, because somebody asked for
// it.
//
// Mutation seen to fail it: 25006 is Failover whoever asked for READ ONLY.
func TestPostgresReadOnly(t *testing.T) {
	play(t, true, pg(pgOptions{}), []pgScenario{
		{row: "pg-038", name: "the request is a GET", text: "read-only transaction", readOnly: true, provoke: do(bump1)},
		{
			name: "25006 default_transaction_read_only", text: "read-only transaction",
			gives: &verdict{code: "25006", phase: retryable.Statement, reason: retryable.Failover},
			open:  pg(pgOptions{pool: alone}),
			before: func(a *pgAttempt) { // as a primary on its way down has it for all
				conn, err := a.db.pool.Acquire(a.ctx)
				if err != nil {
					a.Error(err)
					return
				}
				defer conn.Release()
				run(a.T, conn.Conn(), `set default_transaction_read_only = on`)
			},
		},
	})
}

// standbyPair is two servers.
type standbyPair struct {
	primary, standby *pgserver.Server
	cold             bool // the standby lets nobody in
}

func follow(t *testing.T, primary *pgserver.Server, settings map[string]string) *pgserver.Server {
	t.Helper()
	s, err := primary.Standby(t.Context(), pgserver.Config{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// open makes a pgDB on the standby, with what is made on the primary.
func (p standbyPair) open(o pgOptions) func(t *testing.T) *pgDB {
	return func(t *testing.T) *pgDB {
		made := o
		made.server = func(*testing.T) *pgserver.Server { return p.primary }
		d := pg(made)(t)
		there := o
		there.server = func(*testing.T) *pgserver.Server { return p.standby }
		there.exists = pgserver.Via(d.url, p.standby.Addr())
		s := pg(there)(t)
		p.catchUp(t, d)
		return s
	}
}

// redirected makes a pgDB on the primary behind a proxy that leads to the standby.
func (p standbyPair) redirected(o pgOptions) func(t *testing.T) *pgDB {
	o.server = func(*testing.T) *pgserver.Server { return p.primary }
	o.proxied = true
	return func(t *testing.T) *pgDB {
		d := pg(o)(t)
		if !p.cold {
			p.catchUp(t, d)
		}
		d.proxy.SetUpstream(p.standby.Addr())
		return d
	}
}

// catchUp waits until the standby has all that the primary has.
func (p standbyPair) catchUp(t *testing.T, primary *pgDB) {
	t.Helper()
	var position string
	err := primary.watch(func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), `select pg_current_wal_lsn()::text`).Scan(&position)
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), p.standby.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	eventually(t, "the standby has followed", func() (ok bool) {
		err := conn.QueryRow(t.Context(), `select pg_last_wal_replay_lsn() >= $1::text::pg_lsn`, position).Scan(&ok)
		return err == nil && ok
	})
}

// redirect is the failover.
func (p standbyPair) redirect(_ *testing.T, d *pgDB) { d.proxy.SetUpstream(p.primary.Addr()) }

// onPrimary runs statements where d's tables come from.
func (p standbyPair) onPrimary(t *testing.T, d *pgDB, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), pgserver.Via(d.url, p.primary.Addr()))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(context.Background())
	for _, sql := range statements {
		run(t, conn, sql)
	}
}

// until runs a statement until it fails.
func until(a *pgAttempt, sql string) (err error) {
	eventually(a.T, sql+" fails", func() bool {
		_, err = pgadapter.Tx(a.ctx).Exec(a.ctx, sql)
		return err != nil
	})
	return err
}
