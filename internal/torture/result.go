package torture

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/txctx"
)

// Result is what a strategy came to in a storm.
type Result struct {
	Engine   Engine
	Strategy string
	Seed     uint64
	Requests int

	Acked, Refused, Failed int
	Twice                  int // requests that took effect twice
	FailedApplied          int // answered as failed, and there
	AckedAbsent            int // acknowledged, and not there
	Unknown                int // answered as unknown, and never otherwise
	Doubts                 int // answers that said so, in all
	InDoubt                int // COMMITs without an answer
	Replays                int

	Violations []Violation
}

// Judge checks all invariants after a storm. control is nil for Reprise itself.
func Judge(tb testing.TB, a *App, h *History, seed uint64, control *Control) *Result {
	tb.Helper()
	clean := CleanEnd(tb, a)
	w := a.Bed.World(tb, control == nil && !a.o.NoLedger)
	once, acked, failed := AtMostOnce(w), AckedApplied(h, w), FailedAbsent(h, w)
	r := &Result{
		Engine: a.Bed.Engine, Strategy: "reprise", Seed: seed, Requests: len(h.Ops),
		Acked: h.Count(Acked), Refused: h.Count(Refused), Failed: h.Count(Failed), Unknown: h.Count(Unknown),
		Doubts: doubts(h), Twice: len(once), AckedAbsent: len(acked), FailedApplied: len(failed),
		InDoubt: a.Count(txctx.OutcomeLookedUp), Replays: a.Count(txctx.ReplayScheduled),
	}
	limit := time.Minute
	keep := pictures(tb, r)
	unknown := NoneUnknown(h)
	if a.o.NoLedger {
		r.Strategy, unknown = "reprise, no ledger", nil // it says so
	}
	if control != nil {
		r.Strategy, r.InDoubt = control.Name, control.InDoubt()
		limit, keep = 100*time.Millisecond, nil // it is found out all the same
	}
	for _, found := range [][]Violation{
		once, acked, failed, unknown, Money(h, w), Marks(w), Stored(h, w), Linearizable(h, w, limit, keep), OneRing(w), AppendLists(h, w),
		clean, Accounting(h, a.Events(), a.Runs(), a.o.Retry),
	} {
		r.Violations = append(r.Violations, found...)
	}
	return r
}

// doubts counts the answers that said that nobody can say.
func doubts(h *History) (n int) {
	for i := range h.Ops {
		n += h.Ops[i].Doubts
	}
	return n
}

// Caught returns the violations of the invariants that compare every answer with the
// database: 1 to 3.
func (r *Result) Caught() int { return r.Twice + r.AckedAbsent + r.FailedApplied }

// Report fails the test where an invariant does not hold.
func (r *Result) Report(tb testing.TB) {
	tb.Helper()
	const most = 20
	for i, v := range r.Violations {
		if i == most {
			tb.Errorf("... and %d more", len(r.Violations)-most)
			break
		}
		tb.Errorf("%s, seed %d: %s", r.Engine, r.Seed, v)
	}
}

// Table returns the results as a table.
func Table(results []*Result) string {
	var b strings.Builder
	b.WriteString("\n| engine | strategy | seed | requests | acked | applied twice | failed but applied | acked but absent | answered as unknown | unknown in the end | in doubt | replays | invariants broken |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s |\n", r.Engine, r.Strategy, r.Seed, r.Requests,
			r.Acked+r.Refused, r.Twice, r.FailedApplied, r.AckedAbsent, r.Doubts, r.Unknown, r.InDoubt, r.Replays, r.broken())
	}
	return b.String()
}

// broken lists the invariants that do not hold.
func (r *Result) broken() string {
	var names []string
	seen := map[int]bool{}
	for _, v := range r.Violations {
		if !seen[v.Invariant] {
			seen[v.Invariant] = true
			names = append(names, fmt.Sprint(v.Invariant))
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
