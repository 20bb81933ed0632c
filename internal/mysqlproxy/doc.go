// Package mysqlproxy is a [faultproxy.Proxy] for MySQL and MariaDB:
//
//	p, err := mysqlproxy.New(server.Addr())
//	hit := p.Add(faultproxy.Rule{When: mysqlproxy.Reply("commit"), Do: faultproxy.Drop, Then: faultproxy.CutClient})
//	... // work on p.Addr(), whose commit succeeds and whose reply is lost
//	<-hit.Fired()
//
// The start-up phase ends with the OK that follows the authentication. Flushes are
// the commands that have a reply: all but COM_QUIT, COM_STMT_CLOSE and
// COM_STMT_SEND_LONG_DATA. SQL is in COM_QUERY and COM_STMT_PREPARE. A payload that
// is split over several packets is one message.
//
// The proxy reads the protocol in the clear. It hides that the server knows TLS, so
// clients must not insist on it, and cuts off those that ask for compression or for
// optional metadata as in MySQL 8. Replication is not understood.
package mysqlproxy
