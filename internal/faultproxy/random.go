package faultproxy

import (
	"math/rand/v2"
	"time"
)

// RandomRule draws a fault that a client notices without a timeout: it ends with
// the client cut off, or delays something by less than 20 ms. Held messages and
// black holes are not drawn.
func (pr Protocol) RandomRule(rnd *rand.Rand) Rule { return pr.randomRule(rnd, true) }

// randomRule may leave out bytes, which long-lived connections are past.
func (pr Protocol) randomRule(rnd *rand.Rand, bytes bool) Rule {
	r := Rule{Nth: 1, How: How(rnd.IntN(2))}
	kinds := 4
	if bytes {
		kinds = 5
	}
	switch rnd.IntN(kinds) {
	case 0, 1:
		r.When = pr.Outcomes[rnd.IntN(len(pr.Outcomes))]
	case 2, 3:
		r.When = pr.Messages[rnd.IntN(len(pr.Messages))]
		r.Nth += rnd.IntN(3)
	case 4:
		r.When = Byte(Dir(rnd.IntN(2)), rnd.Int64N(400))
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
