// Package pgproxy is a TCP proxy for PostgreSQL that breaks connections at exact
// places of the protocol: after the server has committed and before the client
// reads of it, within a message, before the COMMIT arrives.
//
//	p, err := pgproxy.New(server.Addr())
//	hit := p.Add(pgproxy.Rule{When: pgproxy.SQL("commit"), AwaitReply: true, Then: pgproxy.CutClient})
//	... // work on p.Addr(), whose commit succeeds and whose reply is lost
//	<-hit.Fired()
//
// The proxy reads protocol 3 in the clear. It refuses encryption, so clients must
// use sslmode=disable or prefer. Every message is held whole before it goes on,
// so memory grows with the largest one.
package pgproxy
