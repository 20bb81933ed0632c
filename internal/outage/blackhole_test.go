package outage_test

import (
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// attemptTimeout and commitTimeout end what waits for a network that says nothing: here
// nothing else does. The kernel of a real one would, see docs/outages.md. An attempt must
// have the time to see that dials fail, too.
const (
	attemptTimeout = 2 * connectTimeout
	commitTimeout  = time.Second
)

// TestBlackHole: the network swallows everything and closes nothing. When it is there again,
// what was connected before is reset. What waits is bounded, however long that takes: open
// requests, goroutines, connections and dials.
func TestBlackHole(t *testing.T) {
	parallel(t)
	t.Run("postgres", func(t *testing.T) {
		parallel(t)
		s := newPostgres(t)
		proxy := proxied(t, pgproxy.New, s.Addr())
		rec := newRecord()
		d := onPgx(t, pgserver.Via(s.URL(), proxy.Addr())+"&connect_timeout=1", rec, pgadapter.Config{})
		blackHole(t, proxy, d, rec, func() map[string]int { return pgEffects(t, s) })
	})
	t.Run("mariadb", func(t *testing.T) {
		parallel(t)
		s := mariatest.New(t, mariaserver.Config{})
		if err := s.Exec(t.Context(), mariaTables); err != nil {
			t.Fatal(err)
		}
		proxy := proxied(t, mysqlproxy.New, s.Addr())
		rec := newRecord()
		d := onMaria(t, mariaDSN(t, mariaserver.Via(s.DSN(), proxy.Addr()), rec))
		blackHole(t, proxy, d, rec, func() map[string]int { return mariaEffects(t, s) })
	})
}

func proxied(t *testing.T, make func(string) (*faultproxy.Proxy, error), addr string) *faultproxy.Proxy {
	t.Helper()
	p, err := make(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func blackHole(t *testing.T, proxy *faultproxy.Proxy, d database, rec *record, done func() map[string]int) {
	const rate = 100
	policy := retryable.Policy{AttemptTimeout: attemptTimeout, CommitTimeout: commitTimeout}
	l := send(t, serve("black-hole", d, rec, policy), rate)
	flow(before())
	o := outage{from: l.rec.now()}
	proxy.BlackHole(true)
	flow(form(5*time.Second, 25*time.Second))
	proxy.BlackHole(false)
	proxy.CutAll(faultproxy.RST) // whoever is on the way knows nothing of old connections
	o.to = l.rec.now()
	settled := l.calm(t, o)
	l.stop()
	r := l.judge(t, o, settled, done())

	// A request waits for a statement, for a connection, and for the database to be back
	// before its replays; and the gate has to be shut first, by dials that fail.
	const longest = 8 * time.Second
	if limit := int(rate * longest.Seconds()); r.most.open > limit {
		t.Errorf("%d requests were open at once, want at most %d", r.most.open, limit)
	}
	quiet := l.rec.levels[0]
	if limit := quiet.goroutines + 8*r.most.open + 200; r.most.goroutines > limit {
		t.Errorf("%d goroutines, want at most %d", r.most.goroutines, limit)
	}
	if r.most.conns > conns {
		t.Errorf("%d connections", r.most.conns)
	}
	// A probe gets up to 5 s for its answer.
	dials := l.rec.within(o.from, o.to).dials
	if limit := 3*conns + int((o.to-o.from)/time.Second); dials > limit {
		t.Errorf("%d dials into a black hole, want at most %d", dials, limit)
	}
	t.Logf("%d dials in %v", dials, ms(o.to-o.from))
}
