package provoked_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/pgadapter"
)

// pgAttempt and pgScenario save words.
type (
	pgAttempt  = attempt[*pgDB]
	pgScenario = scenario[*pgDB]
)

// do runs statements in the attempt, the last of which is to fail.
func do(statements ...string) func(a *pgAttempt) error {
	return func(a *pgAttempt) error {
		for i, sql := range statements {
			_, err := pgadapter.Tx(a.ctx).Exec(a.ctx, sql)
			if err != nil && i < len(statements)-1 {
				a.Errorf("%s: %v", sql, err)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// and does one after the other.
func and(steps ...func(a *pgAttempt) error) func(a *pgAttempt) error {
	return func(a *pgAttempt) error {
		for _, step := range steps {
			if err := step(a); err != nil {
				return err
			}
		}
		return nil
	}
}

// outside runs a statement past the attempt.
func outside(sql string) func(a *pgAttempt) error {
	return func(a *pgAttempt) error { a.db.outside(a.T, sql); return nil }
}

// beside is outside, but in a session and a transaction of its own that ends with the
// attempt.
func beside(statements ...string) func(a *pgAttempt) error {
	return func(a *pgAttempt) error {
		open(a, statements...)
		return nil
	}
}

// open is beside, for more.
func open(a *pgAttempt, statements ...string) *pgx.Conn {
	conn := a.db.session(a.T)
	for _, sql := range append([]string{"begin"}, statements...) {
		run(a.T, conn, sql)
	}
	a.after(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
}

// whenWaiting calls fn on its own goroutine when the session waits for what
// condition, over pg_stat_activity, says. The attempt's end waits for it.
func whenWaiting(a *pgAttempt, session, condition string, fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.db.until(a.T, session, condition)
		fn()
	}()
	a.after(func() { <-done })
}

// until waits until condition holds for the session in pg_stat_activity.
func (d *pgDB) until(t *testing.T, session, condition string) {
	t.Helper()
	eventually(t, "session with "+condition, func() (ok bool) {
		_ = d.watch(func(conn *pgx.Conn) error {
			return conn.QueryRow(context.Background(),
				"select exists (select from pg_stat_activity where pid = "+session+" and "+condition+")").Scan(&ok)
		})
		return ok
	})
}

// gone waits until the server has ended the session.
func (d *pgDB) gone(t *testing.T, session string) {
	t.Helper()
	eventually(t, "the session has ended", func() (ok bool) {
		_ = d.watch(func(conn *pgx.Conn) error {
			return conn.QueryRow(context.Background(),
				"select not exists (select from pg_stat_activity where pid = "+session+")").Scan(&ok)
		})
		return ok
	})
}

func sessionOf(conn *pgx.Conn) string { return strconv.Itoa(int(conn.PgConn().PID())) }
