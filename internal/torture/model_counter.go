package torture

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// add is what a transfer does to one account; 0 looks.
type add struct {
	account int
	amount  int64
}

// counterModel is every account by itself, over the whole storm.
var counterModel = &porcupine.NondeterministicModel{
	Partition: partition(func(in any) int { return in.(add).account }),
	Init:      func() []any { return []any{int64(Start)} },
	Step: func(state, input, output any) []any {
		before := state.(int64)
		after := before + input.(add).amount
		got, known := output.(int64)
		switch {
		case !known && after < 0:
			return []any{before}
		case !known:
			return fates(before, after)
		case got != after:
			return nil
		}
		return []any{after}
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %v", in, out) },
	DescribeState:     func(state any) string { return fmt.Sprint(state) },
}

// counters returns what was done to each account, and to what it came.
func counters(h *History, w *World, did func(*Op) bool) (all []porcupine.Operation) {
	for i := range h.Ops {
		op := &h.Ops[i]
		switch {
		case op.Kind == Transfer && (op.Class == Acked || op.Class == Unknown && did(op)):
			for side, in := range []add{{op.Ask.From, -op.Ask.Amount}, {op.Ask.To, op.Ask.Amount}} {
				var out any
				if op.Class == Acked && side < len(op.Done.Values) {
					out = op.Done.Values[side]
				}
				all = append(all, operation(op, in, out))
			}
		case op.Kind == ReadAll && op.Class == Acked:
			for account, balance := range op.Done.Values {
				all = append(all, operation(op, add{account: account}, balance))
			}
		}
	}
	for account, balance := range w.Balances {
		all = append(all, porcupine.Operation{
			ClientId: clientQuiet, Input: add{account: account}, Call: int64(h.End) + 1, Output: balance, Return: int64(h.End) + 2,
		})
	}
	return all
}

// partition splits a history by what its operations are about.
func partition(about func(input any) int) func([]porcupine.Operation) [][]porcupine.Operation {
	return func(all []porcupine.Operation) (parts [][]porcupine.Operation) {
		index := map[int]int{}
		for _, op := range all {
			key := about(op.Input)
			i, there := index[key]
			if !there {
				i = len(parts)
				index[key] = i
				parts = append(parts, nil)
			}
			parts[i] = append(parts[i], op)
		}
		return parts
	}
}
