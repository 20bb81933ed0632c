package pgserver_test

import (
	"testing"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

// TestKillWithBusySessions kills a server whose sessions do not look up: one in
// a loop that never waits, one asleep, one idle in a transaction.
func TestKillWithBusySessions(t *testing.T) {
	t.Parallel()
	s := pgtest.New(t, pgserver.Config{})
	watch := connect(t, s.URL())
	var ended [2]chan error
	for i, sql := range []string{"do $$ begin loop end loop; end $$", "select pg_sleep(600)"} {
		c, end := connect(t, s.URL()), make(chan error, 1)
		ended[i] = end
		go func() {
			_, err := c.PgConn().Exec(t.Context(), sql).ReadAll()
			end <- err
		}()
	}
	idle := connect(t, s.URL())
	if _, err := idle.Exec(t.Context(), "begin; create table lost ()"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are busy", func() bool {
		var n int
		err := watch.QueryRow(t.Context(), `select count(*) from pg_stat_activity
			where state = 'active' and pid <> pg_backend_pid() and backend_type = 'client backend'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n == 2
	})
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, end := range ended {
		if err := <-end; err == nil {
			t.Error("a session came to its end")
		} else {
			t.Logf("%T %v", err, err)
		}
	}
	_, err := idle.Exec(t.Context(), "select 1")
	t.Logf("idle: %T %v", err, err)
	if err := s.StartAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), "create table lost ()"); err != nil {
		t.Error(err)
	}
}
