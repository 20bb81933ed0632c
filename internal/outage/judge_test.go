package outage_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// outage is when the database was away.
type outage struct{ from, to time.Duration }

// patience is how long the p99 may take to come back.
const patience = 10 * time.Second

// calm waits until a service answers as it did before the outage: two seconds on end with
// nothing but 200, and a p99 near that of before; in the short form, half seconds. It
// returns how long after the outage they began. They may begin when the outage ends, or up
// to 10 s later.
func (l *load) calm(t *testing.T, o outage) (back time.Duration) {
	t.Helper()
	normal := l.normal(o)
	const step = 250 * time.Millisecond
	half := form(500*time.Millisecond, time.Second)
	for back = 0; back <= patience; back += step {
		from, middle, to := o.to+back, o.to+back+half, o.to+back+2*half
		for l.rec.now() < to+normal || l.rec.within(from, to).pending > 0 && l.rec.now() < o.to+2*patience {
			flow(20 * time.Millisecond)
		}
		if l.rec.within(from, middle).fine(normal) && l.rec.within(middle, to).fine(normal) {
			return back
		}
	}
	t.Errorf("%s: not back to normal, a p99 of %v, within %v", l.name, normal, patience)
	return back
}

// settle waits until all is calm after an outage, and judges every load.
func settle(t *testing.T, loads []*load, from, to time.Time, done func() map[string]int) (results []result) {
	t.Helper()
	outages, settled := make([]outage, len(loads)), make([]time.Duration, len(loads))
	for i, l := range loads {
		outages[i] = outage{from.Sub(l.rec.start), to.Sub(l.rec.start)}
		settled[i] = l.calm(t, outages[i])
	}
	for _, l := range loads {
		l.stop()
	}
	rows := done()
	for i, l := range loads {
		results = append(results, l.judge(t, outages[i], settled[i], rows))
	}
	return results
}

// normal returns what p99 is normal, by that of before the outage and with leave for a
// machine that does other things, too.
func (l *load) normal(o outage) time.Duration {
	const least, most = 100 * time.Millisecond, 500 * time.Millisecond
	return min(max(least, 3*l.usual(o)), most)
}

// usual is the p99 before the outage. What arrived in the last moment was caught in it.
func (l *load) usual(o outage) time.Duration {
	return l.rec.within(o.from/2, o.from-250*time.Millisecond).p99
}

func (s span) fine(normal time.Duration) bool {
	return s.requests > 0 && s.statuses[http.StatusOK] == s.requests && s.p99 <= normal
}

// result is what became of the requests, in numbers.
type result struct {
	name                   string
	requests               int
	ok, refused, unknown   int
	failed, slow           int // failed: answered otherwise
	lost, doubled, undone  int
	attempts, dials        int
	normal, worst, settled time.Duration // p99 before and during; and when it was back
	most                   level
}

// judge compares the answers with what is in the table. The load has been stopped.
func (l *load) judge(t *testing.T, o outage, settled time.Duration, done map[string]int) result {
	t.Helper()
	select {
	case <-l.stopping: // before done was read
	default:
		t.Fatal("the load has not been stopped")
	}
	all := l.rec.within(0, l.rec.now())
	r := result{
		name: l.name, requests: all.requests, slow: all.slow, attempts: all.attempts, dials: all.dials,
		normal: l.usual(o), worst: l.rec.within(o.from, o.to).p99, settled: settled, most: l.rec.most(),
	}
	for _, q := range l.rec.requests {
		n := done[q.id]
		switch {
		case q.status == http.StatusOK:
			r.ok++
			if q.write && n == 0 {
				r.lost++
			}
		case q.unknown:
			r.unknown++
		case q.status == http.StatusServiceUnavailable:
			r.refused++
		default:
			r.failed++
		}
		if n > 1 {
			r.doubled++
		}
		if q.status != http.StatusOK && !q.unknown && n > 0 {
			r.undone++
		}
	}
	l.table(t, o)
	t.Log(r)
	r.check(t)
	l.checkAttempts(t)
	return r
}

// check fails for what must never be.
func (r result) check(t *testing.T) {
	t.Helper()
	if r.lost+r.doubled+r.undone > 0 {
		t.Errorf("%s: %d lost, %d doubled, %d done whose clients were told that nothing was", r.name, r.lost, r.doubled, r.undone)
	}
	if r.failed > 0 {
		t.Errorf("%s: %d answers were neither 200 nor 503", r.name, r.failed)
	}
}

// checkAttempts: 1.2 for each request and 10 a second, over the whole and within any ten
// seconds. That is the default budget. Its window moves by a second at a time, and a replay
// that has been granted may wait for the database for 2.5 s: so ten seconds may see what was
// granted in 13.5.
func (l *load) checkAttempts(t *testing.T) {
	t.Helper()
	const window = 10 * time.Second
	end := l.rec.now()
	all := l.rec.within(0, end)
	if limit := float64(all.requests)*1.2 + 10*max(end, window).Seconds(); float64(all.attempts) > limit {
		t.Errorf("%s: %d attempts for %d requests in %v, want at most %.0f", l.name, all.attempts, all.requests, ms(end), limit)
	}
	for from := time.Duration(0); from+window < end; from += time.Second {
		s := l.rec.within(from, from+window)
		replays := (float64(s.requests)*0.2 + 10*window.Seconds()) * 1.35
		if limit := float64(s.requests) + replays; float64(s.attempts) > limit {
			t.Errorf("%s: %d attempts for %d requests in the 10 s from %v, want at most %.0f", l.name, s.attempts, s.requests, from, limit)
		}
	}
}

func (r result) String() string {
	return fmt.Sprintf("%s: %d requests: %.1f %% 200, %d 503, %d unknown, %d otherwise, %d over 1 s; %d lost, %d doubled, %d undone; "+
		"%d attempts, %d dials, at most %d open requests, %d goroutines, %d connections; p99 %v before, %v during, back after %v",
		r.name, r.requests, 100*float64(r.ok)/float64(r.requests), r.refused, r.unknown, r.failed, r.slow, r.lost, r.doubled, r.undone,
		r.attempts, r.dials, r.most.open, r.most.goroutines, r.most.conns, ms(r.normal), ms(r.worst), r.settled)
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// table logs how it went, second by second.
func (l *load) table(t *testing.T, o outage) {
	t.Helper()
	var b strings.Builder
	for s := time.Duration(0); s < l.rec.now(); s += time.Second {
		w := l.rec.within(s, s+time.Second)
		if w.requests == 0 && w.attempts == 0 {
			continue
		}
		mark := " "
		if s < o.to && s+time.Second > o.from {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s%4v: %4d requests, %4d attempts, %3d dials, p99 %6v, answers %v\n", mark, s, w.requests, w.attempts, w.dials, ms(w.p99), w.statuses)
	}
	t.Logf("%s, replays %v\n%s", l.name, l.rec.replays, b.String())
}
