package mariaserver_test

import (
	"database/sql"
	"math/rand/v2"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
)

// TestEndsWithBusySessions ends a server whose sessions do not look up: one in a
// loop that never waits, one asleep, one idle in a transaction.
func TestEndsWithBusySessions(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*mariaserver.Server) error{
		"kill":      (*mariaserver.Server).Kill,
		"fast":      func(s *mariaserver.Server) error { return s.Stop(mariaserver.Fast) },
		"immediate": func(s *mariaserver.Server) error { return s.Stop(mariaserver.Immediate) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mariatest.New(t, mariaserver.Config{})
			if err := s.Exec(t.Context(), "create table t (x int primary key)"); err != nil {
				t.Fatal(err)
			}
			watch := connect(t, s.DSN())
			var ended [2]chan error
			for i, sql := range []string{"begin not atomic loop set @x = 1; end loop; end", "do sleep(600)"} {
				c, end := connect(t, s.DSN()), make(chan error, 1)
				ended[i] = end
				go func() {
					_, err := c.ExecContext(t.Context(), sql)
					end <- err
				}()
			}
			idle := connect(t, s.DSN())
			for _, sql := range []string{"insert into t values (1)", "begin", "insert into t values (2)"} {
				if _, err := idle.ExecContext(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "both are busy", func() bool {
				return number(t, watch, `select count(*) from information_schema.processlist
					where command = 'Query' and id <> connection_id() and db = 'test'`) == 2
			})
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			for _, end := range ended {
				if err := <-end; err == nil {
					t.Error("a session came to its end")
				}
			}
			if _, err := idle.ExecContext(t.Context(), "do 1"); err == nil {
				t.Error("the idle session survived")
			}
			if err := s.StartAgain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := number(t, connect(t, s.DSN()), "select sum(x) from t"); n != 1 {
				t.Errorf("the rows add up to %d", n)
			}
		})
	}
}

func TestKillKeepsEveryCommit(t *testing.T) {
	t.Parallel()
	s := mariatest.New(t, mariaserver.Config{})
	if err := s.Exec(t.Context(), "create table t (x int primary key)"); err != nil {
		t.Fatal(err)
	}
	c := connect(t, s.DSN())
	committed, killed := make(chan int64, 1), make(chan error, 1)
	go func() {
		for n := int64(0); ; n++ {
			if n == 500 {
				go func() { killed <- s.Kill() }()
			}
			if _, err := c.ExecContext(t.Context(), "insert into t values (?)", n); err != nil {
				committed <- n
				return
			}
		}
	}()
	n := <-committed
	if n < 500 {
		t.Fatalf("insert %d failed", n)
	}
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	if err := s.StartAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	// One more may have been committed without our hearing of it.
	if got := number(t, connect(t, s.DSN()), "select count(*) from t"); got < n || got > n+1 {
		t.Errorf("%d of %d commits are there", got, n)
	}
}

func TestKillConnections(t *testing.T) {
	t.Parallel()
	s := mariatest.Shared(t)
	mine, other := mariatest.Database(t, s), mariatest.Database(t, s)
	rnd := rand.New(rand.NewPCG(1, 2))
	cfg, err := mysql.ParseDSN(mine)
	if err != nil {
		t.Fatal(err)
	}
	name := cfg.DBName

	if ok, err := s.KillRandomConnection(t.Context(), rnd, "no such database"); ok || err != nil {
		t.Error(ok, err)
	}
	a, b, spared := connect(t, mine), connect(t, mine), connect(t, other)
	if ok, err := s.KillRandomConnection(t.Context(), rnd, name); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if n, err := s.KillConnections(t.Context(), "no such database", name); n < 1 || err != nil {
		t.Fatal(n, err)
	}
	for _, c := range []*sql.Conn{a, b} {
		if _, err := c.ExecContext(t.Context(), "do 1"); err == nil {
			t.Error("the session survived")
		}
	}
	if _, err := spared.ExecContext(t.Context(), "do 1"); err != nil {
		t.Error(err)
	}
}
