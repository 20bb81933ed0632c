package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/txctx"
)

func TestBooking(t *testing.T) {
	s := start(t, options{})
	money := s.money()

	a := s.want(http.StatusCreated, "POST", "/shows/1/bookings", `{"customer":"ada","seat":12}`)
	b := into[booking](t, a)
	if b.Seat != 12 || b.Customer != "ada" || b.Show != 1 || b.Price != 2500 || len(b.Reference) != 12 {
		t.Errorf("booked %+v", b)
	}
	where := fmt.Sprintf("/bookings/%d", b.ID)
	if got := a.header.Get("Location"); got != where {
		t.Errorf("Location is %q, want %q", got, where)
	}
	if got := into[booking](t, s.want(http.StatusOK, "GET", where, "")); got != b {
		t.Errorf("got %+v, booked %+v", got, b)
	}
	if n := strings.Count(s.logs.String(), "msg=receipt"); n != 1 {
		t.Errorf("%d receipts", n)
	}
	if got := into[account](t, s.want(http.StatusOK, "GET", "/accounts/ada", "")); got.Balance != 47500 {
		t.Errorf("ada has %d", got.Balance)
	}
	s.want(http.StatusConflict, "POST", "/shows/1/bookings", `{"customer":"grace","seat":12}`)
	for seat := 1; seat <= 2; seat++ {
		next := into[booking](t, s.want(http.StatusCreated, "POST", "/shows/1/bookings", `{"customer":"grace"}`))
		if next.Seat != seat {
			t.Errorf("the next free seat was %d, want %d", next.Seat, seat)
		}
	}
	s.checkBooks(money)

	s.want(http.StatusNoContent, "DELETE", where, "")
	s.want(http.StatusNotFound, "DELETE", where, "")
	s.want(http.StatusNotFound, "GET", where, "")
	if got := into[account](t, s.want(http.StatusOK, "GET", "/accounts/ada", "")); got.Balance != 50000 {
		t.Errorf("ada has %d after the refund", got.Balance)
	}
	s.checkBooks(money)
}

func TestShows(t *testing.T) {
	s := start(t, options{})
	s.want(http.StatusCreated, "POST", "/shows/3/bookings", `{"customer":"ada","seat":2}`)
	s.want(http.StatusCreated, "POST", "/shows/1/bookings", `{"customer":"ada","seat":3}`)

	list := into[struct{ Shows []show }](t, s.want(http.StatusOK, "GET", "/shows", ""))
	if len(list.Shows) != 3 || list.Shows[0].Free != 39 || list.Shows[1].Free != 120 || list.Shows[2].Free != 11 {
		t.Errorf("shows: %+v", list.Shows)
	}
	one := into[struct {
		show
		Plan []seat
	}](t, s.want(http.StatusOK, "GET", "/shows/3", ""))
	if one.Title != "Much Ado About Nothing" || one.Seats != 12 || len(one.Plan) != 12 {
		t.Fatalf("show: %+v", one)
	}
	for i, place := range one.Plan {
		if place.Seat != i+1 || place.Free != (place.Seat != 2) {
			t.Errorf("seat %d: %+v", i+1, place)
		}
	}
}

func TestSoldOut(t *testing.T) {
	s := start(t, options{})
	s.exec(`update account set balance=1000000 where name='ada'`)
	money := s.money()
	for range 12 {
		s.want(http.StatusCreated, "POST", "/shows/3/bookings", `{"customer":"ada"}`)
	}
	s.want(http.StatusConflict, "POST", "/shows/3/bookings", `{"customer":"ada"}`)
	s.checkBooks(money)
}

func TestTransfer(t *testing.T) {
	s := start(t, options{})
	money := s.money()
	s.want(http.StatusCreated, "POST", "/transfers", `{"from":"ada","to":"barbara","amount":1500}`)
	if got := into[account](t, s.want(http.StatusOK, "GET", "/accounts/barbara", "")); got.Balance != 2000 {
		t.Errorf("barbara has %d", got.Balance)
	}
	s.checkBooks(money)
}

// TestTransfersInBothDirections makes deadlocks likely.
func TestTransfersInBothDirections(t *testing.T) {
	s := start(t, options{maxRetries: 50})
	money := s.money()
	var wg sync.WaitGroup
	for i := range 8 {
		from, to := "ada", "grace"
		if i%2 == 0 {
			from, to = to, from
		}
		wg.Go(func() {
			for range 5 {
				a, err := s.do(t.Context(), "POST", "/transfers", fmt.Sprintf(`{"from":%q,"to":%q,"amount":1}`, from, to))
				if err != nil || a.status != http.StatusCreated {
					t.Errorf("%d %s %v", a.status, a.body, err)
				}
			}
		})
	}
	wg.Wait()
	s.checkBooks(money)
	if ada := s.number(`select balance from account where name='ada'`); ada != 50000 {
		t.Errorf("ada has %d", ada)
	}
}

// TestOneSeatForMany lets everybody want the same seat.
func TestOneSeatForMany(t *testing.T) {
	s := start(t, options{maxRetries: 50})
	money := s.money()
	var mu sync.Mutex
	got := map[int]int{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			a, err := s.do(t.Context(), "POST", "/shows/1/bookings", `{"customer":"ada","seat":7}`)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	wg.Wait()
	if got[http.StatusCreated] != 1 || got[http.StatusConflict] != 15 {
		t.Errorf("answers by status: %v", got)
	}
	s.checkBooks(money)
}

// TestSeatTakenBehindOurBack is the race that only the unique constraint sees: a
// session that is not SERIALIZABLE and does not count what it sells.
func TestSeatTakenBehindOurBack(t *testing.T) {
	for _, test := range []struct {
		name, body string
		status     int
	}{
		{"that seat", `{"customer":"ada","seat":1}`, http.StatusConflict},
		{"any seat", `{"customer":"ada"}`, http.StatusCreated},
	} {
		t.Run(test.name, func(t *testing.T) {
			var replays []string
			s := start(t, options{maxRetries: 5, observe: func(_ context.Context, ev txctx.Event) {
				if ev.Kind == txctx.ReplayScheduled {
					replays = append(replays, ev.Reason.String())
				}
			}})
			other, err := s.pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer other.Rollback(context.WithoutCancel(t.Context())) // committed below
			_, err = other.Exec(t.Context(), `insert into booking (reference, show_id, seat, customer, price) values ('other', 1, 1, 'grace', 0)`)
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() { s.want(test.status, "POST", "/shows/1/bookings", test.body) })
			for s.number(`select count(*) from pg_stat_activity where datname=current_database() and wait_event_type='Lock'`) == 0 {
				time.Sleep(time.Millisecond)
			}
			if err := other.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			if len(replays) != 1 || replays[0] != "requested" {
				t.Errorf("replays: %v", replays)
			}
			if n := s.number(`select count(*) from booking where seat=1`); n != 1 {
				t.Errorf("%d bookings of seat 1", n)
			}
		})
	}
}

func TestHealthDoesNotTouchTheDatabase(t *testing.T) {
	attempts := 0
	s := start(t, options{observe: func(context.Context, txctx.Event) { attempts++ }})
	s.want(http.StatusOK, "GET", "/healthz", "")
	s.want(http.StatusOK, "GET", "/readyz", "")
	if attempts != 0 {
		t.Errorf("%d events: not skipped", attempts)
	}
}

func TestHealthWithoutDatabase(t *testing.T) {
	s := start(t, options{})
	s.served.Close() // as good as a database that is gone
	s.want(http.StatusOK, "GET", "/healthz", "")
	s.want(http.StatusServiceUnavailable, "GET", "/readyz", "")
}
