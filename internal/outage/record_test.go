package outage_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// record is what has been seen of a service. Times are since its start.
type record struct {
	start time.Time

	mu       sync.Mutex
	requests []*request
	attempts []time.Duration // when each began
	dials    []time.Duration
	replays  map[retryable.Reason]int
	levels   []level // at every tick
}

// request is a request, and its answer.
type request struct {
	id       string
	write    bool
	at, took time.Duration // at: when it was due
	status   int           // 0 before the answer
	unknown  bool          // the answer says that it may have been done
}

// level is how full the process is.
type level struct{ open, goroutines, conns int }

func newRecord() *record {
	return &record{start: time.Now(), replays: make(map[retryable.Reason]int)}
}

func (r *record) now() time.Duration { return time.Since(r.start) }

// observe is for middleware.Config.
func (r *record) observe(_ context.Context, e txctx.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case txctx.AttemptStarted:
		r.attempts = append(r.attempts, r.now())
		if e.Attempt > 1 {
			r.replays[e.Reason]++
		}
	case txctx.ReplayScheduled, txctx.AttemptEnded, txctx.OutcomeLookedUp, txctx.RequestFinished:
	}
}

func (r *record) dialed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dials = append(r.dials, r.now())
}

func (r *record) level(l level) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.levels = append(r.levels, l)
}

// most returns the highest levels.
func (r *record) most() (m level) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.levels {
		m = level{max(m.open, l.open), max(m.goroutines, l.goroutines), max(m.conns, l.conns)}
	}
	return m
}

// span is what happened within a span of time.
type span struct {
	requests, attempts, dials int
	pending                   int // requests that have no answer yet
	statuses                  map[int]int
	slow                      int           // answers that took more than a second
	p99                       time.Duration // of the requests that arrived, and are answered
	answered200               int           // of requests that arrived then or earlier
}

// within returns what happened from from to to.
func (r *record) within(from, to time.Duration) span {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := span{statuses: make(map[int]int), attempts: count(r.attempts, from, to), dials: count(r.dials, from, to)}
	var took []time.Duration
	for _, q := range r.requests {
		if end := q.at + q.took; q.status == http.StatusOK && from <= end && end < to {
			s.answered200++
		}
		switch {
		case q.at < from || q.at >= to:
		case q.status == 0:
			s.requests++
			s.pending++
		default:
			s.requests++
			s.statuses[q.status]++
			took = append(took, q.took)
			if q.took > time.Second {
				s.slow++
			}
		}
	}
	if slices.Sort(took); len(took) > 0 {
		s.p99 = took[(len(took)*99-1)/100]
	}
	return s
}

func count(times []time.Duration, from, to time.Duration) (n int) {
	for _, t := range times {
		if from <= t && t < to {
			n++
		}
	}
	return n
}
