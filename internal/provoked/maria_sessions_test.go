package provoked_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
)

// mariaOther is holding, for more.
func mariaOther(a *mariaAttempt, statements ...string) *sql.Conn {
	ctx := context.WithoutCancel(a.ctx)
	conn, err := a.db.out.Conn(ctx)
	if err != nil {
		a.Fatal(err)
	}
	for _, q := range statements {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			a.Errorf("%s: %v", q, err)
		}
	}
	a.after(func() { // its transaction and its locks end with it
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = conn.Close()
	})
	return conn
}

// meanwhile calls fn on its own goroutine when the attempt's session is as condition,
// over information_schema.processlist, says. The attempt's end waits for it.
func meanwhile(condition string, fn func(a *mariaAttempt)) mariaStep {
	return func(a *mariaAttempt) error {
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.db.until(a.T, "id = "+a.session+" and "+condition)
			fn(a)
		}()
		a.after(func() { <-done })
		return nil
	}
}

// killing is meanwhile, to run KILL and what is to be killed: "query", "connection".
func killing(what, condition string) mariaStep {
	return meanwhile(condition, func(a *mariaAttempt) { a.db.outside(a.T, "kill "+what+" "+a.session) })
}

// asleep is the condition of select sleep().
const asleep = "state = 'User sleep'"

// until waits until there is a session for which condition holds.
func (d *mariaDB) until(t *testing.T, condition string) {
	t.Helper()
	eventually(t, "a session with "+condition, func() bool { return d.sessions(condition) > 0 })
}

// sessionGone waits until the server has ended the attempt's session.
func sessionGone(a *mariaAttempt) error {
	eventually(a.T, "the session has ended", func() bool { return a.db.sessions("id = "+a.session) == 0 })
	return nil
}

// sessions counts those for which condition holds, -1 where nobody can say.
func (d *mariaDB) sessions(condition string) (n int) {
	if d.look.QueryRow("select count(*) from information_schema.processlist where "+condition).Scan(&n) != nil {
		return -1
	}
	return n
}

// mariaCrowd opens connections of the pool's user, up to n or as many as the server
// has, and closes them when the attempt is over.
func mariaCrowd(n int) func(a *mariaAttempt) {
	return func(a *mariaAttempt) {
		cfg, err := mysql.ParseDSN(a.db.server.DSN())
		if err != nil {
			a.Fatal(err)
		}
		cfg.User, cfg.DBName = a.db.user, a.db.name
		crowd := mariatest.Pool(a.T, cfg.FormatDSN())
		crowd.SetMaxIdleConns(n)
		for range n {
			conn, err := crowd.Conn(a.ctx)
			if a.db.code(err) == "1040" {
				break
			}
			if err != nil {
				a.Fatal(err)
			}
			defer conn.Close()
		}
		a.after(func() {
			_ = crowd.Close()
			eventually(a.T, "the crowd has left", func() bool { return a.db.sessions("user = '"+a.db.user+"'") == 0 })
		})
	}
}
