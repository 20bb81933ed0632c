package torture

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestStrategies is invariant 12: under the same seed Reprise holds, and the strategies
// known to be wrong are found out.
func TestStrategies(t *testing.T) {
	NotShort(t)
	var all []*Result
	defer func() { t.Log(Table(all)) }()
	ForEngines(t, func(t *testing.T, e Engine) {
		seed, n := Seed(), Requests(80, 250, 1500)
		faults := Draw(e, seed, n, Intensity{Every: 5, Gentle: true})
		for i, control := range []*Control{nil, nil, BlindReplay(), NeverReplay(), LookOnly()} {
			b := NewBed(t, e, BedOptions{})
			o := AppOptions{NoLedger: i > 0}
			if control != nil {
				o = control.Options(b)
			}
			a := NewApp(t, b, o)
			h := Storm{Seed: seed, Requests: n, Faults: faults}.Run(t, a)
			r := Judge(t, a, h, seed, control)
			all = append(all, r)
			if control == nil {
				r.Report(t)
				if r.InDoubt+r.Doubts == 0 {
					t.Errorf("%s, seed %d: nothing was in doubt", e, seed)
				}
			} else if r.Caught() == 0 {
				t.Errorf("%s, seed %d: %s was not found out, with %d COMMITs in doubt", e, seed, r.Strategy, r.InDoubt)
			}
		}
	})
}

// TestLostNumbers: a COMMIT is lost with its server, or with its backend, and another
// session gets the transaction's number. Reprise does not mistake one for the other; who
// asks for the number alone does.
//
// Mutation seen to fail it: pgadapter does not compare the tokens.
func TestLostNumbers(t *testing.T) {
	NotShort(t)
	if *engines != "" && *engines != string(Postgres) {
		t.Skip("only PostgreSQL numbers transactions")
	}
	seed, n := Seed(), Requests(40, 120, 600)
	trials := map[int]bool{} // round -> the backend alone
	rnd := rand.New(rand.NewPCG(seed, 1))
	for i := range Requests(2, 4, 6) {
		for round := rnd.IntN(n / 40); ; round = (round + 1) % 20 {
			if _, taken := trials[round]; !taken {
				trials[round] = i%2 == 1
				break
			}
		}
	}
	var all []*Result
	for i, control := range []*Control{nil, nil, XidOnly()} {
		b := NewBed(t, Postgres, BedOptions{Own: true, Settings: map[string]string{"wal_writer_delay": "10s"}})
		o := AppOptions{NoLedger: i > 0}
		if control != nil {
			o = control.Options(b)
		}
		a := NewApp(t, b, o)
		h := Storm{
			Seed: seed, Requests: n, Faults: Draw(Postgres, seed, n, Intensity{Every: 8, Gentle: true}),
			Quiet: func(round int, start time.Time) []Op {
				backend, due := trials[round]
				if !due {
					return nil
				}
				b.Proxy.Clear()
				return []Op{a.Crash(t, start, round, backend)}
			},
		}.Run(t, a)
		r := Judge(t, a, h, seed, control)
		all = append(all, r)
		if control == nil {
			r.Report(t)
		} else if r.AckedAbsent == 0 {
			t.Errorf("seed %d: %s was not found out", seed, r.Strategy)
		}
	}
	t.Log(Table(all))
}
