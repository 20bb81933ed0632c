package torture

import "testing"

// TestStorm: requests under everything at once, server deaths included. Every invariant
// holds.
//
// Mutations seen to fail it: COMMIT without an answer is taken for rolled back; the ledger is
// looked up without a row of its own, and the session that is left is not ended; a row that
// is locked is taken for none; a key that has its answer runs again.
func TestStorm(t *testing.T) {
	ForEngines(t, func(t *testing.T, e Engine) {
		t.Run("ledger", func(t *testing.T) { storm(t, e, AppOptions{}) })
		if e == Postgres { // MariaDB cannot be asked without one
			t.Run("no ledger", func(t *testing.T) {
				NotShort(t)
				storm(t, e, AppOptions{NoLedger: true})
			})
		}
	})
}

func storm(t *testing.T, e Engine, o AppOptions) {
	seed, n := Seed(), Requests(40, 300, 10_000)
	faults := Draw(e, seed, n, Intensity{Deaths: max(1, min(3, n/100), n/500)})
	for _, f := range faults {
		t.Log(f)
	}
	b := NewBed(t, e, BedOptions{Own: true, Settings: StormSettings(e)})
	a := NewApp(t, b, o)
	keys := SomeKeys
	if o.NoLedger {
		keys = NoKeys
	}
	h := Storm{Seed: seed, Requests: n, Faults: faults, Keys: keys}.Run(t, a)
	r := Judge(t, a, h, seed, nil)
	r.Report(t)
	t.Logf("%v for %d requests, %d faults of the wire\n%s", h.End, n, b.Proxy.Faults(), Table([]*Result{r}))
	if want := 300 * n / 10_000; r.InDoubt < want/3 || *long && r.InDoubt < want {
		t.Errorf("only %d COMMITs were in doubt", r.InDoubt)
	}
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Class == Failed {
			t.Logf("%s %s failed after %v: %d %s", op.Kind, op.Ask.Req, op.Return-op.Call, op.Status, op.Body)
		}
	}
	if t.Failed() {
		t.Log(a.Logs())
	}
}
