package mysqlproxy

import "github.com/reprise-go/reprise/internal/faultproxy"

var protocol = faultproxy.Protocol{
	Open:     func() faultproxy.Conn { return new(conn) },
	Outcomes: []faultproxy.Trigger{faultproxy.SQL("commit"), Reply("commit")},
	Messages: append(each(faultproxy.Up, ComQuery, ComStmtPrepare, ComStmtExecute),
		each(faultproxy.Down, OK, EOF, Columns, Column, Row, Prepared)...),
}

// New returns a proxy that listens on a free port of 127.0.0.1 and passes
// everything on to upstream, a host:port.
func New(upstream string) (*faultproxy.Proxy, error) { return faultproxy.New(protocol, upstream) }

func each(dir faultproxy.Dir, types ...byte) (all []faultproxy.Trigger) {
	for _, typ := range types {
		all = append(all, Message(dir, typ))
	}
	return all
}
