package outage_test

import (
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// connectTimeout is in the connection strings.
const connectTimeout = time.Second

// patient is the policy that rides through.
func patient() retryable.Policy {
	return retryable.Policy{ConnectWait: 30 * time.Second, ResolveFor: 30 * time.Second, RetryFor: time.Minute}
}

// away is how long a server stays down that is restarted.
const away = 2 * time.Second

// TestRestart: the server is stopped as an operator stops it, and started again 2 s later.
// Of two services on it one fails fast, and one rides through: that one has no answer but
// 200.
func TestRestart(t *testing.T) {
	parallel(t)
	t.Run("postgres", func(t *testing.T) {
		parallel(t)
		s := newPostgres(t)
		make := func(rec *record) database {
			return onPgx(t, s.URL()+"&connect_timeout=1", rec, pgadapter.Config{})
		}
		stop := func() error { return s.Stop(pgserver.Fast) }
		start := func() error { return s.StartAgain(t.Context()) }
		restart(t, make, stop, start, func() map[string]int { return pgEffects(t, s) })
	})
	t.Run("mariadb", func(t *testing.T) {
		parallel(t)
		s := mariatest.New(t, mariaserver.Config{})
		if err := s.Exec(t.Context(), mariaTables); err != nil {
			t.Fatal(err)
		}
		make := func(rec *record) database {
			return onMaria(t, mariaDSN(t, s.DSN(), rec))
		}
		stop := func() error { return s.Stop(mariaserver.Fast) }
		start := func() error { return s.StartAgain(t.Context()) }
		restart(t, make, stop, start, func() map[string]int { return mariaEffects(t, s) })
	})
}

func restart(t *testing.T, open func(*record) database, stop, start func() error, done func() map[string]int) {
	loads := make([]*load, 2)
	for i, c := range []struct {
		name   string
		policy retryable.Policy
	}{{"fail-fast", retryable.Policy{}}, {"ride-through", patient()}} {
		rec := newRecord()
		loads[i] = send(t, serve(c.name, open(rec), rec, c.policy), form(100, 200))
	}
	flow(before())
	from := time.Now()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	flow(away)
	if err := start(); err != nil {
		t.Fatal(err)
	}
	to := time.Now()
	t.Logf("the server was away for %v", ms(to.Sub(from)))
	for i, r := range settle(t, loads, from, to, done) {
		if r.name == "ride-through" && r.ok < r.requests {
			t.Errorf("%d of %d answers were no 200", r.requests-r.ok, r.requests)
		}
		if r.name == "fail-fast" && r.refused == 0 {
			t.Errorf("nobody noticed that the server was away: %v", loads[i].rec.replays)
		}
	}
}
