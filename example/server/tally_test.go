package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
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
	lost     int // attempts whose connection was taken away
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
	stored := storedBookings(t, s, hall)
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

func storedBookings(t *testing.T, s *service, hall int64) (stored []booking) {
	t.Helper()
	rows, err := s.outside.QueryContext(t.Context(),
		s.dialect(`select id, reference, show_id, seat, customer, price from bookings where show_id=?`), hall)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var b booking
		if err := rows.Scan(&b.ID, &b.Reference, &b.Show, &b.Seat, &b.Customer, &b.Price); err != nil {
			t.Fatal(err)
		}
		stored = append(stored, b)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return stored
}
