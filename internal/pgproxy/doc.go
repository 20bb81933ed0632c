// Package pgproxy is a [faultproxy.Proxy] for PostgreSQL:
//
//	p, err := pgproxy.New(server.Addr())
//	hit := p.Add(pgproxy.Rule{When: pgproxy.SQL("commit"), AwaitReply: true, Then: pgproxy.CutClient})
//	... // work on p.Addr(), whose commit succeeds and whose reply is lost
//	<-hit.Fired()
//
// The start-up phase ends with the first ReadyForQuery, which also ends every
// reply. Flushes are the Query, Sync, Flush and FunctionCall messages; SQL is in
// those of type Query and Parse.
//
// The proxy reads protocol 3 in the clear. It refuses encryption, so clients must
// use sslmode=disable or prefer.
package pgproxy
