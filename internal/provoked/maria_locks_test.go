package provoked_test

import (
	"context"
	"net/http"
	"time"

	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
)

// mariaLocks: locks not granted, statements interrupted, and time that runs out.
func mariaLocks(on mariaOn) []mariaScenario {
	impatient := `set statement innodb_lock_wait_timeout = 1 for ` + bump1
	nowait := `select n from counter where id = 1 for update nowait`
	return []mariaScenario{
		{row: "mym-001", name: "a row", text: "Lock wait timeout", provoke: steps(holding(`begin`, bump1), send(impatient))},
		{row: "mym-001", name: "swallowed", text: "Lock wait timeout", swallow: true, provoke: steps(holding(`begin`, bump1), send(impatient))},
		{row: "mdb-001", name: "NOWAIT", text: "Lock wait timeout", provoke: steps(holding(`begin`, bump1), send(nowait))},
		{row: "mdb-001", name: "swallowed", text: "Lock wait timeout", swallow: true, provoke: steps(holding(`begin`, bump1), send(nowait))},
		{
			row: "mym-003", name: "a metadata lock", text: "Lock wait timeout",
			provoke: steps(holding(`lock table counter write`), send(`set statement lock_wait_timeout = 1 for `+bump1)),
		},
		{
			row: "mym-014", name: "crossed GET_LOCKs", text: "Deadlock found",
			gives:    &verdict{code: "1213", phase: retryable.Statement, reason: retryable.Deadlock, kept: true},
			disputed: "MariaDB says 1213, not 3058, but for once the transaction lives",
			provoke: func(a *mariaAttempt) error {
				mine, theirs := "'a_"+a.db.name+"'", "'b_"+a.db.name+"'"
				if err := send(`select get_lock(` + mine + `, 60)`)(a); err != nil {
					return err
				}
				other := mariaOther(a, `select get_lock(`+theirs+`, 60)`)
				background(a, other, `select get_lock(`+mine+`, 60)`)
				a.after(func() { a.db.outside(a.T, "kill connection "+a.session) }) // its locks are not of the transaction
				a.db.until(a.T, "db = '"+a.db.name+"' and state = 'User lock'")
				return send(`select get_lock(` + theirs + `, 60)`)(a)
			},
		},
		{row: "mym-078", name: "KILL QUERY", text: "execution was interrupted", provoke: steps(killing("query", asleep), send(`select sleep(60)`))},
		{
			row: "mym-078", name: "KILL QUERY of one that waits for a lock", text: "execution was interrupted",
			provoke: steps(holding(`begin`, bump1), killing("query", "info like 'update counter%' and time_ms > 50"), send(bump1)),
		},
		{row: "mdb-004", name: "max_statement_time", text: "max_statement_time exceeded", provoke: send(`set statement max_statement_time = 0.05 for select sleep(60)`)},
		{
			row: "mdb-004", name: "max_statement_time, waiting for a lock", text: "max_statement_time exceeded",
			provoke: steps(holding(`begin`, bump1), send(`set statement max_statement_time = 0.05 for `+bump1)),
		},
		{
			row: "go-001", name: "the statement's context was done before it", is: context.Canceled, unasked: true,
			gives:    &verdict{phase: retryable.Statement, reason: retryable.None, kept: true},
			disputed: "nothing was sent: database/sql does not even ask the driver",
			provoke: func(a *mariaAttempt) error {
				ctx, cancel := context.WithCancel(a.ctx)
				cancel()
				_, err := mysqladapter.Tx(a.ctx).ExecContext(ctx, bump1)
				return err
			},
		},
		{
			row: "go-003", name: "the statement's own deadline; the server is told", is: context.DeadlineExceeded,
			provoke: steps(stuck, brief), unasked: true,
		},
		{
			row: "go-002", name: "the request's deadline, in a statement; the server is told", is: context.DeadlineExceeded,
			unasked: true, outer: deadline, status: http.StatusServiceUnavailable,
			provoke: steps(stuck, func(a *mariaAttempt) error {
				err := send(bump1)(a)
				_ = sessionGone(a)
				return err
			}),
		},
		{
			row: "gmy-018", name: "swallowed", is: context.DeadlineExceeded, unasked: true, swallow: true,
			provoke:  steps(stuck, brief),
			gives:    &verdict{phase: retryable.Statement, reason: retryable.None},
			disputed: "COMMIT is never tried: the attempt ends as what the statement's error made of it",
		},
	}
}

// stuck has the next update wait for a minute, in which the server does not look whether
// the client is there still.
func stuck(a *mariaAttempt) error {
	return steps(holding(`begin`, bump1), send(`set session innodb_lock_wait_timeout = 60`))(a)
}

// brief gives an update less time than it takes, and has the server end it.
func brief(a *mariaAttempt) error {
	ctx, cancel := context.WithTimeout(a.ctx, 50*time.Millisecond)
	defer cancel()
	_, err := mysqladapter.Tx(a.ctx).ExecContext(ctx, bump1)
	_ = sessionGone(a)
	return err
}
