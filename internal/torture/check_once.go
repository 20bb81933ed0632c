package torture

// AtMostOnce is invariant 1: no request is in the log twice.
func AtMostOnce(w *World) []Violation {
	c := complaints{invariant: 1}
	for req, rows := range w.byReq() {
		if len(rows) > 1 {
			c.addf("%s was done %d times: %v", req, len(rows), rows)
		}
	}
	return c.all
}

// AckedApplied is invariant 2: what was acknowledged is in the log, by the attempt whose
// answer the client got.
func AckedApplied(h *History, w *World) []Violation {
	c := complaints{invariant: 2}
	log := w.byReq()
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Class != Acked {
			continue
		}
		if op.Done.Attempt == 0 {
			c.addf("%s %s was answered with %d %s", op.Kind, op.Ask.Req, op.Status, op.Body)
			continue
		}
		if !op.Kind.Writes() {
			continue
		}
		rows := log[op.Ask.Req]
		if len(rows) == 0 {
			c.addf("%s was acknowledged and is not there", op.Ask.Req)
			continue
		}
		if r := rows[0]; len(rows) == 1 && (r.Attempt != op.Done.Attempt || r.Run != op.Done.Run || op.Done.Req != r.Req) {
			c.addf("%s was done by attempt %d of %s, and answered by attempt %d of %s for %s",
				r.Req, r.Attempt, r.Run, op.Done.Attempt, op.Done.Run, op.Done.Req)
		}
	}
	return c.all
}

// FailedAbsent is invariant 3: what failed, or was refused, is not in the log, and
// neither is what nobody asked for.
func FailedAbsent(h *History, w *World) []Violation {
	c := complaints{invariant: 3}
	log := w.byReq()
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Kind.Writes() {
			continue
		}
		if rows := log[op.Ask.Req]; len(rows) > 0 && (op.Class == Failed || op.Class == Refused) {
			c.addf("%s was answered with %d and is there: %v", op.Ask.Req, op.Status, rows)
		}
		delete(log, op.Ask.Req)
	}
	for req, rows := range log {
		c.addf("nobody asked for %s: %v", req, rows)
	}
	return c.all
}

// NoneUnknown is invariant 4: no request is in doubt for good. One with a key is sent
// until it is known; should the handler refuse it the second time, the first may have
// been in time or not.
func NoneUnknown(h *History) []Violation {
	c := complaints{invariant: 4}
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Class == Unknown && op.Refusals == 0 {
			c.addf("%s is in doubt: %d %s", op.Ask.Req, op.Status, op.Body)
		}
	}
	return c.all
}

func (w *World) byReq() map[string][]LogRow {
	log := make(map[string][]LogRow, len(w.Log))
	for _, r := range w.Log {
		log[r.Req] = append(log[r.Req], r)
	}
	return log
}
