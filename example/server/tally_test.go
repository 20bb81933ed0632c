package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// The answers without 2xx that a client may get, by status and problem.
const (
	unavailable    = "503 unavailable"
	outcomeUnknown = "503 outcome-unknown"
)

// tally is what the clients saw.
type tally struct {
	requests int
	booked   map[int]booking // by seat: answered with 2xx
	unknown  map[int]bool    // seats answered with 503 outcome-unknown
	refused  map[int]string  // seats with any other answer
	problems map[string]int  // answers that were not 2xx, by status and problem
	slowest  time.Duration
}

func newTally() tally {
	return tally{booked: map[int]booking{}, unknown: map[int]bool{}, refused: map[int]string{}, problems: map[string]int{}}
}

// bookSeats books one seat after the other, and never asks twice for the same.
func (y *tally) bookSeats(stop context.Context, s *service, hall int64, client int) {
	*y = newTally()
	where := fmt.Sprintf("/shows/%d/bookings", hall)
	for _, n := range rand.Perm(seatsEach) {
		if stop.Err() != nil {
			return
		}
		seat := client*seatsEach + n + 1
		y.requests++
		began := time.Now()
		a, err := s.do(s.t.Context(), http.MethodPost, where, fmt.Sprintf(`{"customer":"client-%d","seat":%d}`, client, seat))
		y.slowest = max(y.slowest, time.Since(began))
		y.count(seat, a, err)
	}
	s.t.Errorf("client %d has no seats left to ask for", client)
}

func (y *tally) count(seat int, a answer, err error) {
	var b struct {
		booking
		Type string `json:"type"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(a.body), &b)
	}
	if err != nil {
		y.refused[seat] = err.Error()
		y.problems[err.Error()]++
		return
	}
	if a.status/100 == 2 {
		y.booked[seat] = b.booking
		return
	}
	_, slug, _ := strings.Cut(b.Type, "#")
	problem := fmt.Sprintf("%d %s", a.status, slug)
	y.problems[problem]++
	if problem == outcomeUnknown {
		y.unknown[seat] = true
		return
	}
	y.refused[seat] = problem
}

func (y *tally) add(o tally) {
	y.requests += o.requests
	y.slowest = max(y.slowest, o.slowest)
	maps.Copy(y.booked, o.booked)
	maps.Copy(y.unknown, o.unknown)
	maps.Copy(y.refused, o.refused)
	for problem, n := range o.problems {
		y.problems[problem] += n
	}
}

// check compares what the clients were told with what is in the database.
func (y *tally) check(t *testing.T, s *service, hall int64) {
	t.Helper()
	rows, err := s.pool.Query(t.Context(),
		`select id, reference, show_id, seat, customer, price from booking where show_id=$1`, hall)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByName[booking])
	if err != nil {
		t.Fatal(err)
	}
	there := map[int]booking{}
	unknownThere := 0
	for _, b := range stored {
		there[b.Seat] = b
		if why, ok := y.refused[b.Seat]; ok {
			t.Errorf("seat %d is booked, and its client was told %q", b.Seat, why)
		}
		if y.unknown[b.Seat] {
			unknownThere++
		}
	}
	for seat, told := range y.booked {
		if there[seat] != told {
			t.Errorf("seat %d: the client was told %+v, there is %+v", seat, told, there[seat])
		}
	}
	t.Logf("%d bookings stored; of %d unknown outcomes %d were committed", len(stored), len(y.unknown), unknownThere)
	for problem, n := range y.problems {
		if problem != unavailable && problem != outcomeUnknown {
			t.Errorf("%d times %s", n, problem)
		}
	}
}

// observed counts what Reprise says it did.
type observed struct {
	mu       sync.Mutex
	attempts int
	ended    map[string]int // attempts by reason, phase and outcome
	needed   [8]int         // requests by attempts needed
	gaveUp   map[string]int // exhausted requests by what their attempts met
}

func (o *observed) observe(_ context.Context, ev txctx.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended == nil {
		o.ended, o.gaveUp = map[string]int{}, map[string]int{}
	}
	switch ev.Kind {
	case txctx.AttemptEnded:
		o.attempts++
		o.ended[fmt.Sprintf("%v/%v/%v", ev.Reason, ev.Phase, ev.Outcome)]++
	case txctx.RequestFinished:
		o.needed[min(ev.Attempt, len(o.needed)-1)]++
		if exhausted, ok := errors.AsType[*retryable.ExhaustedError](ev.Err); ok {
			outages := 0
			for _, err := range exhausted.Errs {
				if retryable.ReasonOf(err).Outage() {
					outages++
				}
			}
			o.gaveUp[fmt.Sprintf("%d conflicts, %d outages", len(exhausted.Errs)-outages, outages)]++
		}
	}
}

func (o *observed) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprintf("%d attempts, by reason, phase and outcome %v; requests by attempts needed %v; gave up %v",
		o.attempts, o.ended, o.needed[1:7], o.gaveUp)
}
