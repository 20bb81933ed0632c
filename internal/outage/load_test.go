package outage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// load is requests that arrive at a fixed rate.
type load struct {
	*service
	rate int // a second

	stopping chan struct{}
	pacer    sync.WaitGroup
	crowd    sync.WaitGroup
	open     int // requests without an answer; guarded by mu of the record
}

// send begins to load a service. Stop it before it is judged.
func send(t *testing.T, s *service, rate int) *load {
	l := &load{service: s, rate: rate, stopping: make(chan struct{})}
	l.pacer.Go(l.pace)
	t.Cleanup(l.stop) // of a test that failed
	return l
}

// stop lets no more requests arrive, and waits for all answers.
func (l *load) stop() {
	select {
	case <-l.stopping:
	default:
		close(l.stopping)
	}
	l.pacer.Wait()
	l.crowd.Wait()
}

// pace sends what is due. What the machine was too busy for in time is late, and counted
// from when it was due.
func (l *load) pace() {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	begun := l.rec.now()
	for sent, ticks := 0, 0; ; ticks++ {
		select {
		case <-l.stopping:
			return
		case <-tick.C:
		}
		for ; sent < int(float64(l.rate)*(l.rec.now()-begun).Seconds()); sent++ {
			at := begun + time.Duration(sent)*time.Second/time.Duration(l.rate)
			q := &request{id: fmt.Sprintf("%s-%d", l.name, sent), write: sent%2 == 1, at: at}
			l.rec.mu.Lock()
			l.rec.requests = append(l.rec.requests, q)
			l.open++
			l.rec.mu.Unlock()
			l.crowd.Go(func() { l.ask(q) })
		}
		if ticks%25 == 0 {
			l.rec.mu.Lock()
			open := l.open
			l.rec.mu.Unlock()
			l.rec.level(level{open, runtime.NumGoroutine(), l.conns()})
		}
	}
}

// ask sends a request and keeps its answer.
func (l *load) ask(q *request) {
	method, path := http.MethodGet, "/items/1"
	if q.write {
		method, path = http.MethodPost, "/effects/"+q.id
	}
	w := httptest.NewRecorder()
	l.handler.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), method, path, nil))
	unknown := strings.Contains(w.Body.String(), "outcome-unknown")
	l.rec.mu.Lock()
	defer l.rec.mu.Unlock()
	l.open--
	q.status, q.took, q.unknown = w.Code, l.rec.now()-q.at, unknown
}

// flow lets requests arrive for so long.
func flow(d time.Duration) { <-time.After(d) }
