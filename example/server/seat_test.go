package main

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/txctx"
)

// waitsForLock counts, on the engines that tell, the sessions that wait for a lock.
var waitsForLock = map[string]string{
	"postgres": `select count(*) from pg_stat_activity where datname=current_database() and wait_event_type='Lock'`,
	"mysql":    `select variable_value from information_schema.global_status where variable_name='innodb_row_lock_current_waits'`,
}

// TestSeatTakenBehindOurBack is the race with a session that is not SERIALIZABLE
// and does not count what it sells. On PostgreSQL only the unique constraint sees
// it, and the attempt is replayed; on the others the attempt waits for the session
// before it looks.
func TestSeatTakenBehindOurBack(t *testing.T) { onEngines(t, testSeatTakenBehindOurBack) }

func testSeatTakenBehindOurBack(t *testing.T, e engine) {
	for _, test := range []struct {
		name, body string
		status     int
	}{
		{"that seat", `{"customer":"ada","seat":1}`, http.StatusConflict},
		{"any seat", `{"customer":"ada"}`, http.StatusCreated},
	} {
		t.Run(test.name, func(t *testing.T) {
			started := make(chan struct{}, 1)
			var replays []string
			s := e.start(t, options{maxRetries: 5, observe: func(_ context.Context, ev txctx.Event) {
				switch {
				case ev.Kind == txctx.AttemptStarted && ev.Attempt == 1:
					started <- struct{}{}
				case ev.Kind == txctx.ReplayScheduled:
					replays = append(replays, ev.Reason.String())
				}
			}})
			other, err := s.outside.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Rollback() // committed below
			_, err = other.ExecContext(t.Context(),
				`insert into bookings (reference, show_id, seat, customer, price) values ('other', 1, 1, 'grace', 0)`)
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() { s.want(test.status, "POST", "/shows/1/bookings", test.body) })
			<-started
			if waits := waitsForLock[e.name]; waits != "" {
				s.awaitPositive(waits)
			}
			if err := other.Commit(); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			if e.name == "postgres" && (len(replays) != 1 || replays[0] != "requested") {
				t.Errorf("replays: %v", replays)
			}
			if n := s.number(`select count(*) from bookings where seat=1`); n != 1 {
				t.Errorf("%d bookings of seat 1", n)
			}
		})
	}
}

// awaitPositive polls until the query's number is positive.
func (s *service) awaitPositive(query string) {
	s.t.Helper()
	for deadline := time.Now().Add(4 * time.Second); s.number(query) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("still 0: %s", query)
		}
	}
}
