package torture

import "testing"

// TestPromotion: in the middle of a storm the primary dies and its standby takes over.
// What was lost with the COMMITs in doubt is done again there, and nothing twice. There
// is no such thing for MariaDB here: its replicas are not waited for by default.
func TestPromotion(t *testing.T) {
	NotShort(t)
	if *engines != "" && *engines != string(Postgres) {
		t.Skip("only PostgreSQL has a standby here")
	}
	seed, n := Seed(), Requests(40, 120, 1000)
	b := NewBed(t, Postgres, BedOptions{Own: true, Settings: StormSettings(Postgres)})
	b.AddStandby(t)
	b.Proxy.DropCancels(true) // one would end a COMMIT's wait for the standby
	a := NewApp(t, b, AppOptions{})
	h := Storm{Seed: seed, Requests: n, Faults: Draw(Postgres, seed, n, Intensity{Every: 6, Gentle: true, Promotions: 1})}.Run(t, a)
	r := Judge(t, a, h, seed, nil)
	r.Report(t)
	if b.standby != nil {
		t.Error("nobody was promoted")
	}
	t.Log(Table([]*Result{r}))
	if t.Failed() {
		t.Log(a.Logs())
	}
}
