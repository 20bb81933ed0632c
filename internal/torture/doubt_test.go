package torture

import (
	"testing"
	"time"
)

// TestDoubtsEnd is the rest of invariant 4: the database goes away with a COMMIT, for
// longer than the outcome is looked up; the client is told that nobody knows, sends the
// request again with its key, and in the end it was done once.
func TestDoubtsEnd(t *testing.T) {
	NotShort(t)
	ForEngines(t, func(t *testing.T, e Engine) {
		seed, n := Seed(), Requests(40, 160, 2000)
		b := NewBed(t, e, BedOptions{})
		o := AppOptions{Retry: Patient()}
		o.Retry.ResolveFor = 20 * time.Millisecond
		a := NewApp(t, b, o)
		faults := Draw(e, seed, n, Intensity{Every: 20, Gentle: true, Outages: n / 8})
		h := Storm{Seed: seed, Requests: n, Faults: faults, Keys: AllKeys}.Run(t, a)
		r := Judge(t, a, h, seed, nil)
		r.Report(t)
		if r.Doubts == 0 {
			t.Error("nobody was ever told of a doubt")
		}
		t.Log(Table([]*Result{r}))
		if t.Failed() {
			t.Log(a.Logs())
		}
	})
}
