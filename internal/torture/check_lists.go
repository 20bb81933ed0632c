package torture

import (
	"slices"
	"time"
)

// AppendLists is invariant 9: what was acknowledged is in its list, once, at the place
// that was answered; every read saw the beginning of the list as it is in the end, and
// of that at least what had been acknowledged before.
func AppendLists(h *History, w *World) []Violation {
	c := complaints{invariant: 9}
	at := make([]map[string]int, len(w.Lists))
	for list, items := range w.Lists {
		at[list] = map[string]int{}
		for i, req := range items {
			if _, twice := at[list][req]; twice {
				c.addf("%s is in list %d twice", req, list)
			}
			at[list][req] = i
			if place := w.Places[list][i]; place != i+1 {
				c.addf("%s is at place %d of list %d, after %d others", req, place, list, i)
			}
		}
	}
	acked := make([][]acknowledged, len(w.Lists))
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Kind != Append || op.Class != Acked {
			continue
		}
		list := op.Ask.From
		place, there := at[list][op.Ask.Req]
		if !there || len(op.Done.Values) != 1 || op.Done.Values[0] != int64(place+1) {
			c.addf("%s was appended to list %d at %v, and is there: %v, at %d", op.Ask.Req, list, op.Done.Values, there, place+1)
		}
		acked[list] = append(acked[list], acknowledged{op.Return, place + 1})
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Kind != ReadList || op.Class != Acked {
			continue
		}
		items := w.Lists[op.Ask.From]
		n := len(op.Done.Items)
		if n > len(items) || !slices.Equal(op.Done.Items, items[:n]) {
			c.addf("%s saw what is not the beginning of list %d: %v", op.Ask.Req, op.Ask.From, op.Done.Items)
		}
		for _, a := range acked[op.Ask.From] {
			if a.at < op.Call && a.place > n {
				c.addf("%s saw %d items of list %d, and not the one of place %d, acknowledged before", op.Ask.Req, n, op.Ask.From, a.place)
				break
			}
		}
	}
	return c.all
}

type acknowledged struct {
	at    time.Duration
	place int
}
