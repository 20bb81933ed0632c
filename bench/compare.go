package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// plan says how much to measure.
type plan struct {
	rounds  int
	each    time.Duration // how long a variant runs in a round
	clients int
	crowd   int // clients at the hot row
}

// measurement is one variant doing one work at one distance.
type measurement struct {
	Database, Work, Distance, Variant string
	Rounds                            []result
	Allocs                            float64 // per request, by one client
	Trips, Statements                 float64 // per request, by one client, as counted on the wire; -1 where there is none
}

// compare measures all variants of one database at one distance, round by round in
// random order, so that what changes with time changes for all.
func compare(ctx context.Context, b brand, db *database, far bool, works []work, p plan) ([]*measurement, error) {
	var all []*measurement
	for _, w := range works {
		clients := p.clients
		if w.hot {
			clients = p.crowd
		}
		variants, done, err := b.variants(ctx, db.dsn(far), clients)
		if err != nil {
			return nil, err
		}
		ms, err := compareOne(ctx, b, db, far, w, variants, clients, p)
		done()
		if err != nil {
			return nil, err
		}
		all = append(all, ms...)
	}
	return all, nil
}

func compareOne(ctx context.Context, b brand, db *database, far bool, w work, variants []variant, clients int, p plan) ([]*measurement, error) {
	db.setDistance(far)
	type entrant struct {
		*measurement
		h http.Handler
	}
	var entrants []entrant
	var ms []*measurement
	for _, v := range variants {
		if v.skips != nil && v.skips(w) {
			continue
		}
		m := &measurement{Database: b.name, Work: w.name, Distance: distance(far), Variant: v.name, Trips: -1, Statements: -1}
		h := v.serve(w)
		load(ctx, h, method(w), clients, min(p.each, 200*time.Millisecond)) // connections, caches
		m.Allocs = allocs(ctx, h, method(w))
		if far {
			m.Trips, m.Statements = onTheWire(ctx, db, h, method(w))
		}
		entrants = append(entrants, entrant{m, h})
		ms = append(ms, m)
	}
	for range p.rounds {
		rand.Shuffle(len(entrants), func(i, j int) { entrants[i], entrants[j] = entrants[j], entrants[i] })
		for _, e := range entrants {
			runtime.GC()
			e.Rounds = append(e.Rounds, load(ctx, e.h, method(w), clients, p.each))
		}
	}
	return ms, ctx.Err()
}

func method(w work) string {
	if w.readOnly {
		return http.MethodGet
	}
	return http.MethodPost
}

const sample = 100 // requests

// allocs returns the allocations of a request.
func allocs(ctx context.Context, h http.Handler, method string) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range sample {
		send(ctx, h, method)
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / sample
}

// onTheWire returns how often a request waits for the server, and how many statements that
// runs.
func onTheWire(ctx context.Context, db *database, h http.Handler, method string) (trips, statements float64) {
	db.proxy.ResetCounts()
	for range sample {
		send(ctx, h, method)
	}
	for _, typ := range db.runs {
		statements += float64(db.proxy.Count(faultproxy.Up, typ))
	}
	return float64(db.proxy.Flushes()) / sample, statements / sample
}
