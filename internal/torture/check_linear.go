package torture

import (
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Linearizable is invariant 7: there is an order of the requests, in which each takes
// place between its call and its answer, that explains every answer. What is in doubt,
// and is in the log, happened at some time after its call, or is to happen yet. keep is given the name and
// the visualization of what cannot be explained.
func Linearizable(h *History, w *World, limit time.Duration, keep func(name string, m porcupine.Model, info porcupine.LinearizationInfo)) []Violation {
	c := complaints{invariant: 7}
	log := w.byReq()
	did := func(op *Op) bool { return len(log[op.Ask.Req]) > 0 }
	check := func(name string, m porcupine.Model, ops []porcupine.Operation) {
		result, info := porcupine.CheckOperationsVerbose(m, ops, limit)
		if result == porcupine.Ok {
			return
		}
		c.addf("%s: %s", name, result)
		if keep != nil {
			keep(name, m, info)
		}
	}
	check("counters", counterModel.ToModel(), counters(h, w, did))
	check("registers", registerModel.ToModel(), registers(h, did))
	for round := range len(h.Settled) - 1 {
		check(bankName(round), bankModel(h.Settled[round]).ToModel(), bank(h, did, round))
	}
	return c.all
}

// never is when an answer came that did not come.
const never = math.MaxInt64

// operation is one for porcupine.
func operation(op *Op, in, out any) porcupine.Operation {
	o := porcupine.Operation{ClientId: op.Client, Input: in, Call: int64(op.Call), Output: out, Return: int64(op.Return)}
	if op.Class == Unknown {
		o.Return = never
	}
	return o
}

// fates are the states after something that is in doubt.
func fates(before, after any) []any { return []any{before, after} }

func sameBalances(a, b any) bool { return slices.Equal(a.([]int64), b.([]int64)) }
