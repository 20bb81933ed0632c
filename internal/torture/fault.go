package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// FaultKind is what is done.
type FaultKind string

const (
	Wire        FaultKind = "wire"         // Rule
	Refuse      FaultKind = "refuse"       // dials, for For
	Outage      FaultKind = "outage"       // Rule, and from then on dials are refused for For
	CutAll      FaultKind = "cut all"      // connections
	EndSession  FaultKind = "end session"  // one, by its server
	EndSessions FaultKind = "end sessions" // all
	Kill        FaultKind = "kill -9"      // of the server, which is started again
	KillBackend FaultKind = "kill backend" // -9, of one session's process; PostgreSQL
	FastRestart FaultKind = "fast restart"
	Promote     FaultKind = "promote" // the standby, and kill -9 of the primary; PostgreSQL
)

// Fault is one of a schedule.
type Fault struct {
	At   int // before this request, from 1
	Kind FaultKind
	Rule faultproxy.Rule
	For  time.Duration
	How  faultproxy.How
	Seed uint64 // for what is drawn when it is done
}

// String describes the fault, for logs.
func (f Fault) String() string {
	s := fmt.Sprintf("%d: %s", f.At, f.Kind)
	switch f.Kind {
	case Wire:
		s = fmt.Sprintf("%d: %s", f.At, f.Rule)
	case Refuse:
		s += fmt.Sprintf(" for %v", f.For)
	case Outage:
		s += fmt.Sprintf(" for %v after %s", f.For, f.Rule)
	}
	return s
}

// Intensity says how much is done.
type Intensity struct {
	Every      int  // requests a fault comes on average. 9
	Deaths     int  // of servers, in all
	Promotions int  // in the middle
	Outages    int  // that begin with a COMMIT
	Gentle     bool // besides those, only faults of the wire, and no black holes
}

// Draw returns a schedule of faults for so many requests. The same seed draws the same
// one.
func Draw(e Engine, seed uint64, requests int, in Intensity) (all []Fault) {
	if in.Every == 0 {
		in.Every = 9
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	var t triggers
	switch e {
	case Postgres:
		t = postgres{}.faults()
	default:
		t = maria{}.faults()
	}
	for at := 1 + rnd.IntN(in.Every); at <= requests; at += 1 + rnd.IntN(2*in.Every-1) {
		f := Fault{At: at, Kind: Wire, How: faultproxy.How(rnd.IntN(2)), Seed: rnd.Uint64()}
		switch p := rnd.IntN(100); {
		case in.Gentle || p < 86:
			f.Rule = t.draw(rnd, in.Gentle)
		case p < 90:
			f.Kind, f.For = Refuse, time.Duration(1+rnd.IntN(200))*time.Millisecond
		case p < 93:
			f.Kind = CutAll
		case p < 98:
			f.Kind = EndSession
		default:
			f.Kind = EndSessions
		}
		all = append(all, f)
	}
	deaths := []FaultKind{Kill, FastRestart, KillBackend}
	if e == MariaDB {
		deaths = deaths[:2]
	}
	for i := range in.Deaths {
		all = append(all, Fault{At: 1 + rnd.IntN(requests), Kind: deaths[i%len(deaths)], Seed: rnd.Uint64()})
	}
	for range in.Outages {
		f := Fault{At: 1 + rnd.IntN(requests), Kind: Outage, For: time.Duration(50+rnd.IntN(150)) * time.Millisecond}
		f.Rule = faultproxy.Rule{When: t.up, Do: faultproxy.Drop, Then: faultproxy.CutBoth}
		if rnd.IntN(2) == 0 {
			f.Rule.Do, f.Rule.AwaitReply = faultproxy.Forward, true
		}
		all = append(all, f)
	}
	for range in.Promotions {
		all = append(all, Fault{At: requests/4 + rnd.IntN(requests/2), Kind: Promote})
	}
	slices.SortStableFunc(all, func(a, b Fault) int { return a.At - b.At })
	return all
}

// draw draws a fault at one message: before, inside or after it; for COMMIT mostly.
func (t triggers) draw(rnd *rand.Rand, gentle bool) faultproxy.Rule {
	r := faultproxy.Rule{How: faultproxy.How(rnd.IntN(2)), Then: []faultproxy.Then{faultproxy.CutClient, faultproxy.CutBoth}[rnd.IntN(2)]}
	up := rnd.IntN(3) > 0
	commit := gentle || rnd.IntN(100) < 75
	switch {
	case commit && up:
		r.When = t.up
	case commit:
		r.When = t.down
	case up:
		r.When, r.Nth = t.upAll[rnd.IntN(len(t.upAll))], 1+rnd.IntN(4)
	default:
		r.When, r.Nth = t.downAll[rnd.IntN(len(t.downAll))], 1+rnd.IntN(4)
	}
	late := time.Duration(1+rnd.IntN(150)) * time.Millisecond
	veryLate := time.Duration(1000+rnd.IntN(1500)) * time.Millisecond // than any look-up waits at once
	switch p := rnd.IntN(100); {
	case p < 15: // before it
		r.Do = faultproxy.Drop
	case p < 32: // inside
		r.Do, r.Keep = faultproxy.Truncate, 1+rnd.IntN(60)
	case p < 47: // after
	case p < 65 && up: // after the server has done it
		r.AwaitReply = true
	case p < 83 && up, p < 95 && up && gentle: // it comes late
		r.Do, r.Delay, r.Then, r.Before = faultproxy.Delay, late, faultproxy.CutClient, true
		if !gentle && commit && p%2 == 0 {
			r.Delay = veryLate
		}
	case p < 90 && up && !gentle: // the answer never comes
		r.AwaitReply, r.Then = true, faultproxy.BlackHole
	case p < 96 && !gentle: // nothing comes
		r.Do, r.Then = faultproxy.Drop, faultproxy.BlackHole
	default: // it is slow
		r.Do, r.Delay, r.Then = faultproxy.Delay, late/2, faultproxy.Nothing
	}
	return r
}
