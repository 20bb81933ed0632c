package provoked_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/retryable"
)

// pgx shows the warnings that come before an end of file to OnNotice alone.
const warningOnly = "it comes as a warning, which pgx makes no error of; what is left is an end of file, and that is treated alike"

// TestPostgresShutdown has a server that goes down, by itself or not.
func TestPostgresShutdown(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t, pgserver.Config{Settings: map[string]string{
		"restore_command": "while [ -e hold ]; do sleep 0.02; done; false",
	}})
	start := func(t *testing.T, d *pgDB) {
		if err := server.StartAgain(context.Background()); err != nil {
			t.Error(err)
		}
	}
	play(t, false, pg(pgOptions{server: func(*testing.T) *pgserver.Server { return server }}), []pgScenario{
		{
			row: "pg-092", name: "fast shutdown", text: "administrator command", heal: start,
			provoke: func(a *pgAttempt) error {
				whenWaiting(a, a.session, `wait_event = 'PgSleep'`, func() { stop(a, pgserver.Fast) })
				return do(`select pg_sleep(60)`)(a)
			},
		},
		{
			row: "pg-097", name: "immediate shutdown", is: io.ErrUnexpectedEOF, asWarning: true,
			gives:    &verdict{phase: retryable.Statement, reason: retryable.Disconnected},
			disputed: warningOnly,
			provoke: func(a *pgAttempt) error {
				idle(a)
				stop(a, pgserver.Immediate)
				return query(a)
			},
			heal: func(t *testing.T, d *pgDB) {
				warned("57P01", "immediate shutdown")(t, d)
				start(t, d)
			},
		},
		{
			row: "pg-095", name: "another session was killed", is: io.ErrUnexpectedEOF, asWarning: true,
			gives:    &verdict{phase: retryable.Statement, reason: retryable.Disconnected},
			disputed: warningOnly,
			provoke: func(a *pgAttempt) error {
				idle(a)
				crash(a, a.db.session(a.T))
				a.db.gone(a.T, a.session)
				return query(a)
			},
			heal: func(t *testing.T, d *pgDB) {
				warned("57P02", "crash of another server process")(t, d)
				answers(t, d)
			},
		},
		{
			row: "pg-096", name: "another session was killed, during COMMIT", is: pgconn.ErrConnClosed, asWarning: true,
			provoke: and(slowCommit, func(a *pgAttempt) error {
				other := a.db.session(a.T)
				whenWaiting(a, a.session, `wait_event = 'PgSleep'`, func() { crash(a, other) })
				return nil
			}),
			heal: func(t *testing.T, d *pgDB) {
				warned("57P02", "crash of another server process")(t, d)
				answers(t, d)
			},
		},
		{
			row: "pg-100", name: "a crash that takes its time", text: "in recovery mode",
			before: func(a *pgAttempt) {
				slow, victim := a.db.session(a.T), a.db.session(a.T)
				signal(a.T, "STOP", sessionOf(slow))
				crash(a, victim)
				a.db.refuses(a.T)
				a.after(func() { signal(a.T, "CONT", sessionOf(slow)) })
			},
			heal: answers,
		},
		{
			row: "pg-098", name: "a start that takes its time", text: "starting up",
			before: func(a *pgAttempt) {
				stop(a, pgserver.Fast)
				data := server.DataDir()
				for _, name := range []string{"hold", "recovery.signal"} {
					if err := os.WriteFile(filepath.Join(data, name), nil, 0o600); err != nil {
						a.Error(err)
					}
				}
				done := make(chan error)
				go func() { done <- server.StartAgain(context.Background()) }()
				a.db.refuses(a.T)
				a.after(func() {
					if err := os.Remove(filepath.Join(data, "hold")); err != nil {
						a.Error(err)
					}
					if err := <-done; err != nil {
						a.Error(err)
					}
				})
			},
			heal: writable,
		},
		{
			name: "57P03 a shutdown that takes its time", text: "shutting down",
			gives: &verdict{code: "57P03", phase: retryable.Connect, reason: retryable.Failover},
			before: func(a *pgAttempt) {
				stays := open(a, `select 1`)
				a.db.stopWatching()
				done := make(chan struct{})
				go func() { defer close(done); stop(a, pgserver.Smart) }()
				a.db.refuses(a.T)
				a.after(func() {
					_ = stays.Close(context.Background())
					<-done
				})
			},
			heal: start,
		},
		{
			row: "pg-121", name: "a page that is rubbish", text: "invalid page",
			before:  func(a *pgAttempt) { rot(a, `create table rotten as select 1`, "rotten", 0xff) },
			provoke: do(`select * from rotten`),
		},
		{
			row: "pg-122", name: "a page of an index that is empty", text: "unexpected zero page",
			before: func(a *pgAttempt) {
				rot(a, `create table indexed (x int primary key); insert into indexed values (1)`, "indexed_pkey", 0)
			},
			provoke: do(`set local enable_seqscan = off`, `select * from indexed where x = 1`),
		},
	})
}

func stop(a *pgAttempt, mode pgserver.Mode) {
	if err := a.db.server.Stop(mode); err != nil {
		a.Error(err)
	}
}

// idle waits until the server listens to the attempt's session: one that still speaks
// has no word of farewell.
func idle(a *pgAttempt) { a.db.until(a.T, a.session, `wait_event = 'ClientRead'`) }

// signal sends one to a process of the server's.
func signal(t *testing.T, name, pid string) {
	t.Helper()
	if out, err := exec.Command("kill", "-"+name, pid).CombinedOutput(); err != nil {
		t.Errorf("kill -%s %s: %v: %s", name, pid, err, out)
	}
}

// crash kills a session. All others go with it, and what the server remembers.
func crash(a *pgAttempt, victim *pgx.Conn) {
	a.db.outside(a.T, `create temp table before_crash ()`) // of the watcher's session
	signal(a.T, "KILL", sessionOf(victim))
}

// answers waits until the server does, after a crash.
func answers(t *testing.T, d *pgDB) {
	eventually(t, "the server answers", func() (ok bool) {
		err := d.watch(func(conn *pgx.Conn) error {
			return conn.QueryRow(context.Background(), `select to_regclass('pg_temp.before_crash') is null`).Scan(&ok)
		})
		return err == nil && ok
	})
}

// writable waits until the server takes writes: at first it may be a standby.
func writable(t *testing.T, d *pgDB) {
	eventually(t, "the server takes writes", func() (ok bool) {
		_ = d.watch(func(conn *pgx.Conn) error {
			return conn.QueryRow(context.Background(), `select not pg_is_in_recovery()`).Scan(&ok)
		})
		return ok
	})
}

// refuses waits until the server lets nobody in and says so.
func (d *pgDB) refuses(t *testing.T) {
	t.Helper()
	eventually(t, "the server refuses", func() bool {
		conn, err := pgx.Connect(context.Background(), d.url)
		if err == nil {
			_ = conn.Close(context.Background())
		}
		return d.code(err) == "57P03"
	})
}

// rot fills the file of a table or index with a byte, behind the server's back.
func rot(a *pgAttempt, create, name string, with byte) {
	a.db.outside(a.T, create+`; checkpoint`)
	var path string
	err := a.db.watch(func(conn *pgx.Conn) error {
		return conn.QueryRow(a.ctx, `select pg_relation_filepath($1)`, name).Scan(&path)
	})
	if err != nil {
		a.Error(err)
		return
	}
	stop(a, pgserver.Fast)
	path = filepath.Join(a.db.server.DataDir(), path)
	content, err := os.ReadFile(path)
	if err != nil {
		a.Error(err)
	}
	for i := range content {
		content[i] = with
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		a.Error(err)
	}
	if err := a.db.server.StartAgain(context.Background()); err != nil {
		a.Error(err)
	}
}
