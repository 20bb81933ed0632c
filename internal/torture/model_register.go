package torture

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// put is what is done to a register: set, or a look at it.
type put struct {
	register int
	set      bool
	value    int64
}

// registerModel is every register by itself. A set answers what was there before.
var registerModel = &porcupine.NondeterministicModel{
	Partition: partition(func(in any) int { return in.(put).register }),
	Init:      func() []any { return []any{int64(0)} },
	Step: func(state, input, output any) []any {
		in := input.(put)
		got, known := output.(int64)
		switch {
		case !known:
			return fates(state, in.value)
		case got != state.(int64):
			return nil
		case in.set:
			return []any{in.value}
		}
		return []any{state}
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %v", in, out) },
	DescribeState:     func(state any) string { return fmt.Sprint(state) },
}

func registers(h *History, did func(*Op) bool) (all []porcupine.Operation) {
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Kind != Swap && op.Kind != ReadRegister {
			continue
		}
		in := put{op.Ask.From, op.Kind == Swap, op.Ask.Amount}
		switch {
		case op.Class == Acked && len(op.Done.Values) == 1:
			all = append(all, operation(op, in, op.Done.Values[0]))
		case op.Class == Unknown && op.Kind == Swap && did(op):
			all = append(all, operation(op, in, nil))
		}
	}
	return all
}
