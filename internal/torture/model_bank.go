package torture

import (
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// view is a look at all accounts.
type view struct{}

// bankModel is the whole bank in a round, from the balances it begins with.
func bankModel(begin []int64) *porcupine.NondeterministicModel {
	return &porcupine.NondeterministicModel{
		Init: func() []any { return []any{begin} },
		Step: func(state, input, output any) []any {
			balances := state.([]int64)
			if _, ok := input.(view); ok {
				if slices.Equal(balances, output.([]int64)) {
					return []any{state}
				}
				return nil
			}
			ask := input.(Ask)
			after := slices.Clone(balances)
			after[ask.From] -= ask.Amount
			after[ask.To] += ask.Amount
			got, known := output.([]int64)
			switch {
			case after[ask.From] < 0 && known:
				return nil
			case after[ask.From] < 0:
				return []any{state}
			case !known:
				return fates(state, after)
			case !slices.Equal(got, []int64{after[ask.From], after[ask.To]}):
				return nil
			}
			return []any{after}
		},
		Equal:             sameBalances,
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %v", in, out) },
		DescribeState:     func(state any) string { return fmt.Sprint(state) },
	}
}

// late is for how many rounds more something in doubt may happen: no COMMIT of a storm
// is held for longer.
const late = 3

// bank returns what was done in a round, and to what it came.
func bank(h *History, did func(*Op) bool, round int) (all []porcupine.Operation) {
	var begin, end int64 = never, 0
	var doubts []Op
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Round == round {
			begin, end = min(begin, int64(op.Call)), max(end, int64(op.Return))
		}
		switch {
		case op.Kind == Transfer && op.Class == Unknown && op.Round <= round && op.Round >= round-late && did(op):
			doubts = append(doubts, *op)
		case op.Round != round || op.Class != Acked:
		case op.Kind == Transfer:
			all = append(all, operation(op, op.Ask, op.Done.Values))
		case op.Kind == ReadAll:
			all = append(all, operation(op, view{}, op.Done.Values))
		}
	}
	for i := range doubts {
		doubt := operation(&doubts[i], doubts[i].Ask, nil)
		doubt.Call = max(doubt.Call, begin)
		all = append(all, doubt)
	}
	return append(all, porcupine.Operation{ClientId: clientQuiet, Input: view{}, Call: end + 1, Output: h.Settled[round+1], Return: end + 2})
}

// clientQuiet looks between the rounds.
const clientQuiet = 16

func bankName(round int) string { return fmt.Sprintf("bank-%d", round) }
