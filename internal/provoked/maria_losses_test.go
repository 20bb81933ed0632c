package provoked_test

import (
	"database/sql/driver"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/retryable"
)

// mariaLosses: connections that die within a transaction.
func mariaLosses(on mariaOn) []mariaScenario {
	proxied := on(mariaOptions{proxied: true})
	lost := mysql.ErrInvalidConn
	kill := steps(func(a *mariaAttempt) error { a.db.outside(a.T, "kill connection "+a.session); return nil }, sessionGone)
	timeout := steps(send(`set session wait_timeout = 1`), sessionGone)
	return []mariaScenario{
		{row: "gmy-002", name: "KILL CONNECTION, running", is: lost, provoke: steps(killing("connection", asleep), send(`select sleep(60)`))},
		{row: "gmy-002", name: "KILL CONNECTION, idle", like: lostOrBad, provoke: steps(kill, send(`do 1`))},
		{row: "gmy-002", name: "KILL CONNECTION, idle, swallowed", like: lostOrBad, swallow: true, provoke: steps(kill, send(`do 1`))},
		{row: "gmy-002", name: "wait_timeout", like: lostOrBad, provoke: steps(timeout, send(`do 1`))},
		{row: "gmy-002", name: "cut in a statement", is: lost, open: proxied, provoke: atStatement(faultproxy.CutBoth, faultproxy.FIN)},
		{row: "gmy-002", name: "reset in a statement", is: lost, open: proxied, provoke: atStatement(faultproxy.CutClient, faultproxy.RST)},
		{
			row: "gmy-013", name: "hung up on while a huge packet is on its way, each time", like: hungUp, always: true,
			provoke: send("do '" + strings.Repeat("x", 8<<20) + "'"),
		},
		{row: "gmy-001", name: "KILL CONNECTION before COMMIT", provoke: kill},
		{row: "gmy-001", name: "wait_timeout before COMMIT", provoke: timeout},
	}
}

// lostOrBad: a statement on a connection that the server has closed is written, and
// reset, or not even written. sqladapter hides driver.ErrBadConn, dsq-001, but not its
// text.
func lostOrBad(err error) bool {
	return errors.Is(err, mysql.ErrInvalidConn) || strings.HasSuffix(strings.TrimSuffix(err.Error(), ")"), driver.ErrBadConn.Error())
}

// hungUp is what the driver says when it cannot write on: it does not read why.
func hungUp(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// atStatement strikes at the answer to a statement that was carried out.
func atStatement(then faultproxy.Then, how faultproxy.How) mariaStep {
	return func(a *mariaAttempt) error {
		a.db.proxy.Add(faultproxy.Rule{When: faultproxy.SQL(bump1), AwaitReply: true, Then: then, How: how})
		return send(bump1)(a)
	}
}

// mariaCommit: COMMIT whose answer does not arrive.
func mariaCommit(on mariaOn) []mariaScenario {
	proxied := on(mariaOptions{proxied: true})
	at := func(r faultproxy.Rule) mariaStep {
		return func(a *mariaAttempt) error {
			r.When = faultproxy.SQL("commit")
			a.db.proxy.Add(r)
			return nil
		}
	}
	return []mariaScenario{
		{
			row: "gmy-003", name: "delivered, its answer lost", is: mysql.ErrInvalidConn, open: proxied, committed: true,
			provoke: at(faultproxy.Rule{AwaitReply: true, Then: faultproxy.CutClient}),
		},
		{
			row: "gmy-003", name: "not delivered", is: mysql.ErrInvalidConn, open: proxied,
			provoke: at(faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.CutBoth}),
		},
		{
			row: "gmy-003", name: "delivered, in a READ ONLY request, which is replayed", is: mysql.ErrInvalidConn, open: proxied,
			readOnly: true, attempts: 2, status: 200,
			provoke: at(faultproxy.Rule{AwaitReply: true, Then: faultproxy.CutClient}),
		},
	}
}

// mariaConnect: connections that cannot be made.
func mariaConnect(on mariaOn) []mariaScenario {
	here := func(_ *testing.T, d *mariaDB) { d.detour.Store(nil) }
	away := func(network, addr string) func(a *mariaAttempt) {
		return func(a *mariaAttempt) { a.db.detour.Store(&mariaTo{network, addr}) }
	}
	var nobody net.Listener
	return []mariaScenario{
		{
			row: "gmy-015", name: "refused", is: syscall.ECONNREFUSED, heal: here,
			before: func(a *mariaAttempt) {
				var err error
				if nobody, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
					a.Fatal(err)
				}
				nobody.Close()
				away("tcp", nobody.Addr().String())(a)
			},
		},
		{row: "gmy-015", name: "no socket", is: syscall.ENOENT, before: away("unix", "/nosuch.sock"), heal: here},
		{
			row: "gmy-015", name: "no such host", text: "no such host", before: away("tcp", "no..such:3306"), heal: here,
			like: func(err error) bool { e, ok := errors.AsType[*net.DNSError](err); return ok && e.IsNotFound },
		},
		{
			row: "gmy-005", name: "silence in the handshake", is: mysql.ErrInvalidConn,
			open:   on(mariaOptions{proxied: true, params: "&readTimeout=100ms"}),
			before: func(a *mariaAttempt) { a.db.proxy.BlackHole(true) },
			heal:   func(_ *testing.T, d *mariaDB) { d.proxy.BlackHole(false) },
		},
		{row: "gmy-012", name: "no TLS", is: mysql.ErrNoTLS, open: on(mariaOptions{params: "&tls=true"})},
		{row: "mym-067", name: "a wrong password", text: "Access denied", open: on(mariaOptions{limits: "identified by 'x'"})},
		{
			row: "mym-068", name: "no rights", text: "to database", open: on(mariaOptions{limits: "with max_user_connections 0", config: func(c *mysql.Config) { c.DBName = "mysql" }}),
		},
		{row: "mym-069", name: "no such database", text: "Unknown database", open: on(mariaOptions{config: func(c *mysql.Config) { c.DBName = "nosuch" }})},
		{row: "mdb-003", name: "a locked account", text: "this account is locked", open: on(mariaOptions{limits: "account lock"})},
		{
			name: "1226 connections of a user", text: "max_user_connections", open: on(mariaOptions{limits: "with max_user_connections 1"}),
			gives:  &verdict{code: "1226", phase: retryable.Connect, reason: retryable.Overloaded},
			before: mariaCrowd(1),
		},
	}
}
