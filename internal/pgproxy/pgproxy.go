package pgproxy

import (
	"math/rand/v2"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

var protocol = faultproxy.Protocol{
	Open:     func() faultproxy.Conn { return new(conn) },
	Outcomes: []Trigger{SQL("commit"), Tag("COMMIT")},
	Messages: append(each(Up, "QPBES"), each(Down, "CZDT12")...),
}

// New returns a proxy that listens on a free port of 127.0.0.1 and passes
// everything on to upstream, a host:port.
func New(upstream string) (*Proxy, error) { return faultproxy.New(protocol, upstream) }

// RandomRule is [faultproxy.Protocol.RandomRule] for PostgreSQL.
func RandomRule(rnd *rand.Rand) Rule { return protocol.RandomRule(rnd) }

func each(dir Dir, types string) (all []Trigger) {
	for _, typ := range []byte(types) {
		all = append(all, Message(dir, typ))
	}
	return all
}
