package provoked_test

import (
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/retryable"
)

var (
	noTable     = mariaRow("1146", statementOnly(retryable.Statement))
	plainSignal = mariaRow("1644", statementOnly(retryable.Statement))
)

// mariaConstraints: what a replay would meet again.
func mariaConstraints(on mariaOn) []mariaScenario {
	with := func(setup string) mariaOptions { return mariaOptions{setup: setup} }
	child := on(with(`create table child (id int, foreign key (id) references counter (id)); insert into child values (1)`))
	narrow := on(with(`create table narrow (s varchar(1) not null, constraint positive check (s <> '-'))`))
	return []mariaScenario{
		{row: "mym-080", name: "a key twice", text: "Duplicate entry", provoke: send(`insert into counter values (1, 0)`)},
		{row: "mym-080", name: "swallowed", text: "Duplicate entry", swallow: true, spared: true, provoke: send(`insert into counter values (1, 0)`)},
		{row: "mym-081", name: "a parent", text: "foreign key constraint", open: child, provoke: send(`delete from counter where id = 1`)},
		{row: "mym-082", name: "a child", text: "foreign key constraint", open: child, provoke: send(`insert into child values (3)`)},
		{row: "mym-083", name: "a null", text: "cannot be null", open: narrow, provoke: send(`insert into narrow values (null)`)},
		{row: "mym-084", name: "no default", text: "default value", open: narrow, provoke: send(`insert into narrow () values ()`)},
		{row: "mym-085", name: "a long text", text: "too long", open: narrow, provoke: send(`insert into narrow values ('ab')`)},
		{row: "mdb-008", name: "a check", text: "CONSTRAINT `positive` failed", open: narrow, provoke: send(`insert into narrow values ('-')`)},
		{row: "mym-086", name: "a large number", text: "Out of range", provoke: send(`update counter set n = 2147483648`)},
		{row: "mym-087", name: "no SQL", text: "SQL syntax", provoke: send(`selct`)},
		{row: "mym-089", name: "no such column", text: "Unknown column", provoke: send(`select nosuch from counter`)},
		{row: noTable, name: "no such table", text: "doesn't exist", provoke: send(`select * from nosuch`)},
		{row: "mym-090", name: "no such procedure", text: "does not exist", provoke: send(`call nosuch()`)},
		{row: plainSignal, name: "SIGNAL", text: "no seats", provoke: send(`signal sqlstate '45000' set message_text = 'no seats'`)},
		{
			row: "mym-070", name: "no database", text: "No database selected",
			open: on(mariaOptions{config: func(c *mysql.Config) { c.DBName = "" }}), provoke: send(bump1),
		},
		{row: "mym-022", name: "XA COMMIT in a transaction", text: "XAER_OUTSIDE", provoke: send(`xa commit 'nosuch'`)},
		{row: "mym-021", name: "XA END of what is not there", text: "XAER_RMFAIL", provoke: send(`xa end 'nosuch'`)},
		{row: "mym-022", name: "XA START in a transaction", text: "XAER_OUTSIDE", provoke: send(`xa start 'x'`)},
		{
			row: "mym-061", name: "a packet that the server does not take", text: "bigger than 'max_allowed_packet'",
			provoke: send(`do '` + strings.Repeat("x", 40<<10) + `'`),
		},
		{
			row: "gmy-011", name: "a packet that the driver does not send", is: mysql.ErrPktTooLarge,
			open:    on(mariaOptions{config: func(c *mysql.Config) { c.MaxAllowedPacket = 1 << 16 }}),
			provoke: send(`do '` + strings.Repeat("x", 1<<16) + `'`),
		},
		{
			row: "mym-074", name: "a write in a READ ONLY request", text: "READ ONLY transaction", readOnly: true,
			provoke: send(bump1),
		},
		{
			row: "mym-027", name: "queries per hour", text: "max_queries_per_hour",
			open:     on(mariaOptions{limits: "with max_queries_per_hour 20"}),
			gives:    &verdict{code: "1226", phase: retryable.Statement, reason: retryable.None},
			disputed: "the connection is closed: ROLLBACK is refused like the rest, and the transaction stays open",
			provoke: func(a *mariaAttempt) (err error) {
				for range 30 {
					if err = send(`do 1`)(a); err != nil {
						break
					}
				}
				a.db.refusesRollback(a, "1226")
				return err
			},
		},
		{
			name: "1226 queries per hour, at COMMIT", text: "max_queries_per_hour",
			open:  on(mariaOptions{limits: "with max_queries_per_hour 1000"}),
			gives: &verdict{code: "1226", phase: retryable.Commit, reason: retryable.None},
			provoke: func(a *mariaAttempt) error {
				a.db.outside(a.T, "alter user "+a.db.user+"@'%' with max_queries_per_hour 1; flush privileges; flush user_resources")
				return send(`do 1`)(a)
			},
		},
	}
}
