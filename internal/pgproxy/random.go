package pgproxy

import (
	"math/rand/v2"
	"time"
)

// RandomRule draws a fault that a client notices without a timeout: it ends with
// the client cut off, or delays something by less than 20 ms. Held messages and
// black holes are not drawn.
func RandomRule(rnd *rand.Rand) Rule { return randomRule(rnd, true) }

// randomRule may leave out bytes, which long-lived connections are past.
func randomRule(rnd *rand.Rand, bytes bool) Rule {
	r := Rule{Nth: 1 + rnd.IntN(3), How: How(rnd.IntN(2))}
	kinds := 4
	if bytes {
		kinds = 5
	}
	switch rnd.IntN(kinds) {
	case 0:
		r.When = SQL("commit")
		r.Nth = 1
	case 1:
		r.When = Tag("COMMIT")
		r.Nth = 1
	case 2:
		const types = "QPBES"
		r.When = Message(Up, types[rnd.IntN(len(types))])
	case 3:
		const types = "CZDT12"
		r.When = Message(Down, types[rnd.IntN(len(types))])
	case 4:
		r.When = Byte(Dir(rnd.IntN(2)), rnd.Int64N(400))
		r.Nth = 1
	}
	r.Then = []Then{CutClient, CutBoth}[rnd.IntN(2)]
	switch rnd.IntN(6) {
	case 0:
		r.Do, r.Then = Delay, Nothing
		r.Delay = time.Duration(rnd.Int64N(int64(20 * time.Millisecond)))
	case 1, 2:
		r.Do = Drop
	case 3:
		r.Do = Truncate
		r.Keep = rnd.IntN(12)
	case 4:
		r.AwaitReply = r.When.dir == Up
	}
	return r
}
