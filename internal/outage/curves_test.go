package outage_test

import (
	"os"
	"testing"
	"time"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// TestCurves: PostgreSQL is killed under 500 requests a second, and started again after
// 30 s. The attempts stay within the budget, and 10 s later all is as before. With
// -outage.svg it draws how that went.
func TestCurves(t *testing.T) {
	parallel(t)
	rate, down := form(200, 500), form(4*time.Second, 30*time.Second)
	riding := patient()
	riding.ConnectWait, riding.RetryFor = 2*time.Minute, 4*time.Minute
	var columns []column
	for _, c := range []struct {
		name   string
		policy retryable.Policy
	}{{"fail-fast", retryable.Policy{}}, {"ride-through", riding}} {
		t.Run(c.name, func(t *testing.T) {
			s := newPostgres(t)
			rec := newRecord()
			d := onPgx(t, s.URL()+"&connect_timeout=1", rec, pgadapter.Config{})
			l := send(t, serve(c.name, d, rec, c.policy), rate)
			flow(before())
			from := time.Now()
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			flow(down)
			if err := s.StartAgain(t.Context()); err != nil {
				t.Fatal(err)
			}
			to := time.Now()
			t.Logf("the server was away for %v", ms(to.Sub(from)))
			o := outage{from.Sub(rec.start), to.Sub(rec.start)}
			settled := l.calm(t, o)
			if *svgPath != "" {
				flow(patience - settled) // so that the picture shows it
			}
			l.stop()
			r := l.judge(t, o, settled, pgEffects(t, s))
			if limit := conns; r.unknown > limit {
				t.Errorf("%d COMMITs were under way, with %d connections", r.unknown, limit)
			}
			columns = append(columns, newColumn(c.name, l, o))
		})
	}
	if *svgPath == "" || t.Failed() {
		return
	}
	if err := os.WriteFile(*svgPath, draw(columns), 0o644); err != nil {
		t.Fatal(err)
	}
}
