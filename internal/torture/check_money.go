package torture

import "slices"

// Money is invariant 5: no money is made or lost, in any view of all accounts, and every
// balance is what the log says.
func Money(h *History, w *World) []Violation {
	c := complaints{invariant: 5}
	view := func(who string, balances []int64) {
		var sum int64
		for _, n := range balances {
			sum += n
		}
		if len(balances) != Accounts || sum != Total || slices.Min(balances) < 0 {
			c.addf("%s saw %v, which is %d in all", who, balances, sum)
		}
	}
	for i := range h.Ops {
		switch op := &h.Ops[i]; {
		case op.Class != Acked:
		case op.Kind == ReadAll:
			view(op.Ask.Req, op.Done.Values)
		case op.Kind == Transfer && (len(op.Done.Values) != 2 || slices.Min(op.Done.Values) < 0):
			c.addf("%s left balances %v", op.Ask.Req, op.Done.Values)
		}
	}
	for _, balances := range h.Settled {
		view("a quiet moment", balances)
	}
	view("the end", w.Balances)
	logged := make([]int64, Accounts)
	for i := range logged {
		logged[i] = Start
	}
	for _, r := range w.Log {
		if r.Kind == Transfer {
			logged[r.From] -= r.Amount
			logged[r.To] += r.Amount
		}
	}
	if !slices.Equal(logged, w.Balances) {
		c.addf("the balances are %v, by the log %v", w.Balances, logged)
	}
	return c.all
}
