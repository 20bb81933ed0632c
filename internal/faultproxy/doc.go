// Package faultproxy is a TCP proxy that breaks the connections of a database's
// clients at exact places of its protocol: after the server has committed and
// before the client reads of it, within a message, before the COMMIT arrives.
//
//	p, err := mysqlproxy.New(server.Addr())
//	hit := p.Add(faultproxy.Rule{When: faultproxy.SQL("commit"), AwaitReply: true, Then: faultproxy.CutClient})
//	... // work on p.Addr(), whose commit succeeds and whose reply is lost
//	<-hit.Fired()
//
// What it carries it knows as [Protocol]: pgproxy and mysqlproxy have one each.
//
// Every message is held whole before it goes on, so memory grows with the largest
// one.
package faultproxy
