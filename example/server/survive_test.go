package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	clients       = 32
	seatsEach     = 20_000
	killEvery     = 50 * time.Millisecond
	floorOf20s    = 500 // answers of 2xx
	shareAnswered = 95  // per cent of the requests
)

// TestBookingsSurviveTerminatedBackends is what Reprise is for: clients book
// while connections are taken away all the time, by PostgreSQL, by MariaDB, and
// from SQLite. Every client has its own seats, so each request is for a free one,
// but all of them write the row of the one show.
// The pool is what pgx makes by default on a small machine.
//
// Mutations seen to fail it: no replays; no ledger.
func TestBookingsSurviveTerminatedBackends(t *testing.T) {
	duration := 20 * time.Second
	if testing.Short() {
		duration = 4 * time.Second
	}
	onEngines(t, func(t *testing.T, e engine) {
		all := survive(t, e, duration, 4)
		all.checkShare(t)
		if all.lost == 0 {
			t.Error("no connection was taken away in the middle of an attempt")
		}
		if floor := int(floorOf20s * duration / (20 * time.Second)); len(all.booked) < floor {
			t.Errorf("%d answers of 2xx, want at least %d", len(all.booked), floor)
		}
	})
}

// TestCrowdSurvives is the same with a pool that lets sixteen transactions at once
// write the one row. Lanes (see txctx.Lanes) keep them from using up their replays
// on each other.
func TestCrowdSurvives(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		all := survive(t, e, 3*time.Second, 16)
		all.checkShare(t)
	})
}

// checkShare checks that the requests, which were all for free seats, were
// answered, and that the ledger left nobody in doubt.
func (all tally) checkShare(t *testing.T) {
	t.Helper()
	if len(all.booked)*100 < all.requests*shareAnswered {
		t.Errorf("%d of %d requests answered with 2xx, want %d %%", len(all.booked), all.requests, shareAnswered)
	}
	if len(all.unknown) > 0 {
		t.Errorf("%d requests whose outcome could not be found out", len(all.unknown))
	}
}

// survive lets the clients book while connections are taken away, and checks that
// what they were told is what is in the database.
func survive(t *testing.T, e engine, duration time.Duration, conns int) tally {
	t.Helper()
	seen := new(observed)
	dbURL, outside := e.create(t)
	if e.name == "postgres" {
		dbURL += fmt.Sprintf("&pool_max_conns=%d", conns)
	}
	db, cut := e.sabotage(t, dbURL)
	if pool, ok := db.requests.(interface{ SQL() *sql.DB }); ok {
		pool.SQL().SetMaxOpenConns(conns)
		pool.SQL().SetMaxIdleConns(conns)
	}
	s := e.serve(t, db, outside, options{maxRetries: 5, observe: seen.observe, log: slog.New(slog.DiscardHandler)})
	hall := openHall(s)
	money := s.money()

	// After the deadline clients start nothing new, but wait for what they began.
	stop, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var crowd sync.WaitGroup
	var kills atomic.Int64
	crowd.Go(func() { takeConnections(t, stop, cut, &kills) })
	tallies := make([]tally, clients)
	for i := range tallies {
		crowd.Go(func() { tallies[i].bookSeats(stop, s, hall, i) })
	}
	crowd.Wait()

	all := newTally()
	all.lost = seen.lost
	for _, one := range tallies {
		all.add(one)
	}
	t.Logf("%v, %d connections, %d kills, %d requests: %d with 2xx (%.1f %%), else %v; slowest %v",
		duration, conns, kills.Load(), all.requests, len(all.booked), 100*float64(len(all.booked))/float64(all.requests),
		all.problems, all.slowest.Round(time.Millisecond))
	t.Log(seen)
	seen.checkReplays(t)
	all.check(t, s, hall)
	s.checkBooks(money)
	if kills.Load() < int64(duration/killEvery)/2 {
		t.Errorf("only %d connections were terminated", kills.Load())
	}
	return all
}

// openHall makes a show and an account for every client, and returns the show's
// id.
func openHall(s *service) int64 {
	s.t.Helper()
	s.exec(`insert into shows (title, starts_at, price, seats) values ('Survival', ?, 3, ?)`,
		time.Date(2031, 1, 1, 20, 0, 0, 0, time.UTC), clients*seatsEach)
	for i := range clients {
		s.exec(`insert into accounts (name, balance) values (?, 1000000)`, fmt.Sprintf("client-%d", i))
	}
	return s.number(`select max(id) from shows`)
}

// takeConnections takes a connection away again and again, until stop ends.
func takeConnections(t *testing.T, stop context.Context, cut func(context.Context) (bool, error), kills *atomic.Int64) {
	tick := time.NewTicker(killEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop.Done():
			return
		case <-tick.C:
		}
		ok, err := cut(t.Context())
		if err != nil {
			t.Errorf("killing: %v", err)
			return
		}
		if ok {
			kills.Add(1)
		}
	}
}
