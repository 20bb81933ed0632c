package main

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	clients       = 32
	seatsEach     = 4000
	killEvery     = 50 * time.Millisecond
	floorOf20s    = 500 // answers of 2xx
	shareAnswered = 95  // per cent of the requests
)

// TestBookingsSurviveTerminatedBackends is what Reprise is for: clients book
// while connections are taken away from the server all the time. Every client has
// its own seats, so each request is for a free one, but all of them write the row
// of the one show.
// The pool is what pgx makes by default on a small machine.
func TestBookingsSurviveTerminatedBackends(t *testing.T) {
	duration := 20 * time.Second
	if testing.Short() {
		duration = 6 * time.Second
	}
	all := survive(t, duration, 4)
	all.checkShare(t)
	if floor := int(floorOf20s * duration / (20 * time.Second)); len(all.booked) < floor {
		t.Errorf("%d answers of 2xx, want at least %d", len(all.booked), floor)
	}
}

// TestCrowdSurvives is the same with a pool that lets sixteen transactions at once
// write the one row. Lanes (see txctx.Lanes) keep them from using up their replays
// on each other.
func TestCrowdSurvives(t *testing.T) {
	all := survive(t, 3*time.Second, 16)
	all.checkShare(t)
}

// checkShare checks that the requests, which were all for free seats, were
// answered.
func (all tally) checkShare(t *testing.T) {
	t.Helper()
	if len(all.booked)*100 < all.requests*shareAnswered {
		t.Errorf("%d of %d requests answered with 2xx, want %d %%", len(all.booked), all.requests, shareAnswered)
	}
}

// survive lets the clients book while connections are taken away, and checks that
// what they were told is what is in the database.
func survive(t *testing.T, duration time.Duration, conns int) tally {
	t.Helper()
	seen := new(observed)
	s := startPool(t, options{maxRetries: 5, observe: seen.observe, log: slog.New(slog.DiscardHandler)}, conns)
	hall := s.number(`insert into show (title, starts_at, price, seats) values ('Survival', now(), 3, $1) returning id`,
		clients*seatsEach)
	s.exec(`insert into account select 'client-' || n, 1000000 from generate_series(0, $1::int) as n`, clients-1)
	money := s.money()

	// After the deadline clients start nothing new, but wait for what they began.
	stop, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var crowd sync.WaitGroup
	var kills atomic.Int64
	crowd.Go(func() { killBackends(t, stop, s.db, &kills) })
	tallies := make([]tally, clients)
	for i := range tallies {
		crowd.Go(func() { tallies[i].bookSeats(stop, s, hall, i) })
	}
	crowd.Wait()

	all := newTally()
	for _, one := range tallies {
		all.add(one)
	}
	t.Logf("%v, %d connections, %d kills, %d requests: %d with 2xx (%.1f %%), else %v; slowest %v",
		duration, conns, kills.Load(), all.requests, len(all.booked), 100*float64(len(all.booked))/float64(all.requests),
		all.problems, all.slowest.Round(time.Millisecond))
	t.Log(seen)
	all.check(t, s, hall)
	s.checkBooks(money)
	if kills.Load() < int64(duration/killEvery)/2 {
		t.Errorf("only %d connections were terminated", kills.Load())
	}
	return all
}

// killBackends terminates a random session of the database again and again, until
// stop ends.
func killBackends(t *testing.T, stop context.Context, url string, kills *atomic.Int64) {
	admin, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Error(err)
		return
	}
	defer admin.Close(t.Context())
	tick := time.NewTicker(killEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop.Done():
			return
		case <-tick.C:
		}
		tag, err := admin.Exec(t.Context(), `
			select pg_terminate_backend(pid) from (
				select pid from pg_stat_activity
				where datname=current_database() and backend_type='client backend' and pid<>pg_backend_pid()
				order by random() limit 1) as victim`)
		if err != nil {
			t.Errorf("killing: %v", err)
			return
		}
		kills.Add(tag.RowsAffected())
	}
}
