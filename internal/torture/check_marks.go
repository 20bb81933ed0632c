package torture

import "fmt"

// Stored is the rest of invariant 6: with each key that was acknowledged, and with no
// other row, the answer is kept that the client got, and whoever sent the key again got
// the same.
func Stored(h *History, w *World) []Violation {
	c := complaints{invariant: 6}
	if !w.HasLedger {
		return nil
	}
	kept := map[string]Mark{}
	for _, m := range w.Marks {
		if m.Keyed && m.Void {
			c.addf("void attempt %d of %s keeps a key", m.Attempt, m.Run)
		}
		if m.Keyed {
			kept[m.Run] = m
		}
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Class != Acked || !op.Keyed {
			continue
		}
		m, there := kept[op.Done.Run]
		if !there || m.Attempt != op.Done.Attempt || m.Status != op.Status || m.Body != string(op.Body) {
			c.addf("%s was answered with %d %s, and kept is %v: %d %s", op.Ask.Req, op.Status, op.Body, there, m.Status, m.Body)
		}
		for _, other := range op.Others {
			if other.Status != op.Status || string(other.Body) != string(op.Body) {
				c.addf("%s was answered with %d %s, and then with %d %s", op.Ask.Req, op.Status, op.Body, other.Status, other.Body)
			}
		}
		delete(kept, op.Done.Run)
	}
	for run, m := range kept {
		c.addf("run %s keeps a key for an answer that nobody got: %d %s", run, m.Status, m.Body)
	}
	return c.all
}

// Marks is invariant 6: the ledger and the log are one to one, and no attempt is both
// void and done.
func Marks(w *World) []Violation {
	c := complaints{invariant: 6}
	if !w.HasLedger {
		return nil
	}
	type attempt struct {
		run    string
		number int
	}
	done := map[attempt]int{}
	for _, m := range w.Marks {
		a := attempt{m.Run, m.Attempt}
		if _, twice := done[a]; twice {
			c.addf("the ledger has two rows for %v", a)
		}
		done[a] = 1
		if m.Void {
			done[a] = 0
		}
	}
	runs := map[string]string{}
	for _, r := range w.Log {
		a := attempt{r.Run, r.Attempt}
		left, there := done[a]
		switch {
		case !there:
			c.addf("%s was done by %v, which is not in the ledger", r.Req, a)
		case left == 0:
			c.addf("%s was done by %v, which is void, or has done more", r.Req, a)
		}
		if there {
			done[a] = left - 1
		}
		if other, twice := runs[r.Run]; twice {
			c.addf("run %s did %s and %s", r.Run, other, r.Req)
		}
		runs[r.Run] = r.Req
	}
	for a, left := range done {
		if left > 0 {
			c.addf("%s is in the ledger and did nothing", fmt.Sprint(a))
		}
	}
	return c.all
}
