package mariaserver_test

import (
	"testing"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
)

func TestKillKeepsEveryCommit(t *testing.T) {
	t.Parallel()
	s := mariatest.New(t, mariaserver.Config{})
	if err := s.Exec(t.Context(), "create table t (x int primary key)"); err != nil {
		t.Fatal(err)
	}
	c, err := mariatest.Pool(t, s.DSN()).Conn(t.Context()) // it does not try again
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
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
	var got int64
	if err := mariatest.Pool(t, s.DSN()).QueryRowContext(t.Context(), "select count(*) from t").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got < n || got > n+1 {
		t.Errorf("%d of %d commits are there", got, n)
	}
}
