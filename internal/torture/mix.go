package torture

import (
	"fmt"
	"math/rand/v2"
)

// mix draws what clients ask for: two thirds write.
type mix struct {
	client int
	rnd    *rand.Rand
	keys   Keys
	n      int
}

// newMix returns the requests of a client; the same seed draws the same ones.
func newMix(seed uint64, client int, keys Keys) *mix {
	return &mix{client: client, keys: keys, rnd: rand.New(rand.NewPCG(seed, uint64(client)+1))}
}

func (m *mix) next() Op {
	m.n++
	op := Op{Client: m.client, Ask: Ask{Req: fmt.Sprintf("%d-%d", m.client, m.n)}}
	switch p := m.rnd.IntN(100); {
	case p < 40:
		op.Kind = Transfer
		op.Ask.From = m.rnd.IntN(Accounts)
		op.Ask.To = (op.Ask.From + 1 + m.rnd.IntN(Accounts-1)) % Accounts
		op.Ask.Amount = 1 + m.rnd.Int64N(30)
	case p < 55:
		op.Kind, op.Ask.From = Append, m.rnd.IntN(Lists)
	case p < 63:
		op.Kind, op.Ask.From = Relink, m.rnd.IntN(RingSize)
	case p < 73:
		op.Kind, op.Ask.From = Swap, m.rnd.IntN(Registers)
		op.Ask.Amount = int64(m.client)<<32 | int64(m.n) // of nobody else
	case p < 85:
		op.Kind = ReadAll
	case p < 94:
		op.Kind, op.Ask.From = ReadList, m.rnd.IntN(Lists)
	default:
		op.Kind, op.Ask.From = ReadRegister, m.rnd.IntN(Registers)
	}
	// Drawn in any case, so that keys leave the rest of a seed as it is.
	keyed, twin, again := m.rnd.IntN(2) == 0, m.rnd.IntN(8) == 0, m.rnd.IntN(4) == 0
	if m.keys != NoKeys && op.Kind.Writes() {
		op.Keyed = keyed || m.keys == AllKeys
		op.Twin, op.Again = op.Keyed && twin, op.Keyed && again
	}
	return op
}

// Keys says which requests that write have an Idempotency-Key.
type Keys uint8

const (
	NoKeys   Keys = iota
	SomeKeys      // every second one
	AllKeys
)

// request returns the method and the path of an operation.
func (op *Op) request() (method, path string) {
	switch op.Kind {
	case Append:
		return "POST", fmt.Sprintf("/append/%d", op.Ask.From)
	case ReadAll:
		return "GET", "/accounts"
	case ReadList:
		return "GET", fmt.Sprintf("/list/%d", op.Ask.From)
	case ReadRegister:
		return "GET", fmt.Sprintf("/register/%d", op.Ask.From)
	}
	return "POST", "/" + string(op.Kind)
}
