package torture

import (
	"fmt"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// TestRepeatable is invariant 13: a schedule of triggers does the same to the same
// request, 20 of 20 times.
func TestRepeatable(t *testing.T) {
	ForEngines(t, func(t *testing.T, e Engine) {
		b := NewBed(t, e, BedOptions{})
		b.Proxy.DropCancels(true)
		o := AppOptions{Conns: 2, Retry: Patient()}
		o.Retry.CommitTimeout = 100 * time.Millisecond
		a := NewApp(t, b, o)
		var faults []Fault
		for i, rule := range []faultproxy.Rule{
			{When: b.Commit(), Do: faultproxy.Drop, Then: faultproxy.CutBoth},
			{When: b.Commit(), Do: faultproxy.Truncate, Keep: 3, Then: faultproxy.CutBoth},
			{When: b.Commit(), AwaitReply: true, Then: faultproxy.CutBoth},
			{When: b.Commit(), AwaitReply: true, Then: faultproxy.CutClient, How: faultproxy.RST},
			{When: b.Commit(), Do: faultproxy.Truncate, Keep: 9, Then: faultproxy.CutClient},
			{When: b.Committed(), Do: faultproxy.Drop, Then: faultproxy.CutClient},
		} {
			faults = append(faults, Fault{At: 2*i + 1, Kind: Wire, Rule: rule})
		}
		const want = "[2 1 2 1 1 1 1 1 2 1 1 1]" // attempts
		for i := range Requests(2, 20, 20) {
			strikes := newStriker(b, faults, func(what string) { t.Error(what) })
			var attempts []int
			for n := 1; n <= 2*len(faults); n++ {
				strikes.before(n)
				op := Op{Kind: Append, Ask: Ask{Req: fmt.Sprintf("%d-%d", i, n), From: 1}}
				a.ask(&op, time.Now())
				if op.Class != Acked {
					t.Errorf("%d: %d %s", n, op.Status, op.Body)
				}
				attempts = append(attempts, op.Done.Attempt)
			}
			if got := fmt.Sprint(attempts); got != want {
				t.Errorf("attempts %s, want %s", got, want)
			}
		}
	})
}
