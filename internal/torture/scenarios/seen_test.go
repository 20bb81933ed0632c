package scenarios

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/txctx"
)

// seen is what a request came to.
type seen struct {
	status     int
	problem    string
	retryAfter bool
	attempt    int    // that the answer names
	runs       int    // of the handler
	looked     int    // how often an outcome was looked up
	effects    string // the attempts that are in the database
}

// once is what most requests come to: they took effect once, by the last attempt.
func once(attempt, looked int) seen {
	return seen{status: 200, attempt: attempt, runs: attempt, looked: looked, effects: fmt.Sprintf("[%d]", attempt)}
}

// failed is a request that was answered by a problem, after its handler ran so often,
// and took no effect.
func failed(status int, problem string, runs int) seen {
	return seen{status: status, problem: problem, runs: runs, retryAfter: problem == "unavailable", effects: "[]"}
}

// unknown is what a request comes to of which nobody can say.
func unknown(effects string) seen {
	return seen{status: 503, problem: "outcome-unknown", runs: 1, looked: 1, effects: effects}
}

// counts returns how often handlers of the app ran, and outcomes were looked up.
func (s *stage) counts() (runs, looked int) { return s.app.Runs(), s.app.Count(txctx.OutcomeLookedUp) }

// try sends one request, alone, and returns what it came to.
func (s *stage) try(header http.Header) seen {
	s.t.Helper()
	req := s.another()
	if header == nil {
		header = s.header
	}
	runs, looked := s.counts()
	got, err := s.request(context.Background(), req, header)
	if err != nil {
		s.t.Errorf("%s: %v", req, err)
	}
	runsAfter, lookedAfter := s.counts()
	return s.told(got, req, runsAfter-runs, lookedAfter-looked)
}

// told returns what an answer tells, beside what is in the database.
func (s *stage) told(got torture.Answer, req string, runs, looked int) seen {
	s.t.Helper()
	if got.Unknown() && !bytes.Contains(got.Body, []byte(`"instance":"urn:uuid:`)) {
		s.t.Errorf("%s: nobody can ask what became of it: %s", req, got.Body)
	}
	d, _ := got.Done()
	return seen{
		status: got.Status, problem: got.Problem(), retryAfter: got.Header.Get("Retry-After") != "",
		attempt: d.Attempt, runs: runs, looked: looked, effects: fmt.Sprint(s.effects(req)),
	}
}

// effects returns the attempts of a request that are in the database.
func (s *stage) effects(req string) (attempts []int) {
	s.t.Helper()
	rows, err := s.bed.Admin.Query(`select attempt from happened where req = '` + req + `' order by attempt`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			s.t.Fatal(err)
		}
		attempts = append(attempts, n)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return attempts
}

// want compares.
func (s *stage) want(what string, got, want seen) {
	s.t.Helper()
	if got == want {
		return
	}
	s.t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	events := s.app.Events()
	for _, ev := range events[max(0, len(events)-4*got.runs):] {
		if ev.Err != nil {
			s.t.Logf("%s %d, %v after %v: %v", ev.Kind, ev.Attempt, ev.Reason, ev.Duration, ev.Err)
		}
	}
}
