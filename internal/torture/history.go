package torture

import "time"

// Kind is what a request asks for.
type Kind string

const (
	Transfer     Kind = "transfer"
	Append       Kind = "append"
	Relink       Kind = "ring"
	Swap         Kind = "swap"
	ReadAll      Kind = "accounts" // and from here on they only read
	ReadList     Kind = "list"
	ReadRegister Kind = "register"
)

// Writes reports whether the request leaves a row in the log.
func (k Kind) Writes() bool { return k != ReadAll && k != ReadList && k != ReadRegister }

// Class is what an answer promises.
type Class uint8

const (
	Acked   Class = iota // it has been done
	Refused              // the handler said no: nothing has been done
	Failed               // nothing has been done
	Unknown              // nobody can say
)

func (c Class) String() string { return [...]string{"acked", "refused", "failed", "unknown"}[c] }

// Op is a request and its answer.
type Op struct {
	Client, Round int
	Kind          Kind
	Keyed         bool // sent with an Idempotency-Key
	Twin          bool // keyed, and sent twice at once
	Again         bool // keyed, and sent again once it was acknowledged
	Ask           Ask  // From is the list, register or node of those
	Call, Return  time.Duration
	Class         Class
	Status        int
	Done          Done     // of those that were acked or refused
	Body          []byte   // as the client got it
	Sent          int      // how many requests that was
	Doubts        int      // answers among them that said nobody can say
	Refusals      int      // and those of handlers that said no
	Others        []Answer // the other good answers for the same key
}

// History is what the clients saw.
type History struct {
	Ops []Op
	// Settled are the balances before each round, and after the last.
	Settled [][]int64
	// Keys: some requests had one.
	Keys bool
	// End is after all that happened.
	End time.Duration
}

// Count returns how many answers of a class there were.
func (h *History) Count(c Class) (n int) {
	for i := range h.Ops {
		if h.Ops[i].Class == c {
			n++
		}
	}
	return n
}

// classify says what an answer promises. No answer promises nothing.
func classify(a Answer, err error) Class {
	switch {
	case err != nil || a.Unknown():
		return Unknown
	case a.Status >= 200 && a.Status < 300:
		return Acked
	case a.Status == 409 && a.Problem() == "":
		return Refused
	}
	return Failed
}
