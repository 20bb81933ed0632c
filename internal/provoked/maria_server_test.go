package provoked_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/retryable"
)

// aUser are the limits of a user who has none, but is not root.
const aUser = "with max_user_connections 0"

// TestMariaDBServer does to a whole server what the others could not stand.
//
// Mutations of mysqladapter seen to fail it: 1205 or 1290 in answer to COMMIT are not
// definite; COMMIT without a look at the socket.
func TestMariaDBServer(t *testing.T) {
	t.Parallel()
	on := mariaOf(mariatest.New(t, mariaserver.Config{Settings: map[string]string{
		"innodb_rollback_on_timeout": "ON",
		"secure_file_priv":           os.TempDir(),
	}}))
	user := on(mariaOptions{limits: aUser})
	set := func(statements string) func(*testing.T, *mariaDB) {
		return func(t *testing.T, d *mariaDB) { d.outside(t, statements) }
	}
	playMaria(t, false, on(mariaOptions{}), []mariaScenario{
		{
			row: "mym-002", name: "a row", text: "Lock wait timeout",
			provoke: steps(holding(`begin`, bump1), send(`set statement innodb_lock_wait_timeout = 1 for `+bump1)),
		},
		{row: "mym-073", name: "secure-file-priv", text: "--secure-file-priv", provoke: send(`select 1 into outfile '/nosuch/x'`)},
		{
			row: "mym-071", name: "read_only before a statement", text: "--read-only", open: user,
			provoke: steps(past(`set global read_only = 1`), send(bump1)), heal: set(`set global read_only = 0`),
		},
		{
			row: "mym-071", name: "swallowed", text: "--read-only", open: user, swallow: true,
			provoke: steps(past(`set global read_only = 1`), send(bump1)), heal: set(`set global read_only = 0`),
		},
		{
			row: "mym-072", name: "read_only before COMMIT", text: "--read-only", open: user,
			provoke: past(`set global read_only = 1`), heal: set(`set global read_only = 0`),
		},
		{
			row: "gmy-017", name: "read_only with rejectReadOnly", text: "bad connection",
			open:     on(mariaOptions{limits: aUser, params: "&rejectReadOnly=true"}),
			gives:    &verdict{phase: retryable.Statement, reason: retryable.Disconnected},
			disputed: "the driver does not say why: it is acted on alike, but that older connections stay",
			provoke:  steps(past(`set global read_only = 1`), send(bump1)), heal: set(`set global read_only = 0`),
		},
		{
			row: "mym-075", name: "transaction_read_only, where nobody asked for it", text: "READ ONLY transaction",
			before: func(a *mariaAttempt) { a.db.outside(a.T, `set global tx_read_only = 1`) },
			heal:   set(`set global tx_read_only = 0`),
		},
		{
			row: "mym-029", name: "prepared statements used up", text: "max_prepared_stmt_count",
			before: func(a *mariaAttempt) { a.db.outside(a.T, `set global max_prepared_stmt_count = 0`) },
			heal:   set(`set global max_prepared_stmt_count = 16382`),
		},
		{row: "mym-024", name: "all connections taken", text: "Too many connections", open: user, before: takeConnections},
		{
			row: "mym-079", name: "KILL QUERY during COMMIT", text: "execution was interrupted",
			provoke: steps(holding(`flush tables with read lock`), killing("query", committing)),
		},
		{
			name: "1205 at COMMIT", text: "Lock wait timeout",
			gives:   &verdict{code: "1205", phase: retryable.Commit, reason: retryable.LockTimeout, kept: true},
			provoke: steps(send(`set session lock_wait_timeout = 1`), holding(`flush tables with read lock`)),
		},
		{
			row: "gmy-003", name: "KILL CONNECTION during COMMIT", is: mysql.ErrInvalidConn,
			provoke: steps(holding(`flush tables with read lock`), meanwhile(committing, func(a *mariaAttempt) {
				a.db.outside(a.T, "kill connection "+a.session)
				_ = sessionGone(a) // it would commit if it got the lock before it noticed
			})),
		},
		{
			row: "gmy-003", name: "SIGKILL during COMMIT", is: mysql.ErrInvalidConn,
			provoke: steps(holding(`flush tables with read lock`), meanwhile(committing, sigkill)), heal: startAgain,
		},
		{row: "gmy-002", name: "SIGKILL", is: mysql.ErrInvalidConn, provoke: steps(meanwhile(asleep, sigkill), send(`select sleep(60)`)), heal: startAgain},
		{row: "gmy-002", name: "SHUTDOWN", is: mysql.ErrInvalidConn, provoke: steps(meanwhile(asleep, shutdown), send(`select sleep(60)`)), heal: startAgain},
		{
			row: "gmy-001", name: "SHUTDOWN before COMMIT",
			provoke: func(a *mariaAttempt) error {
				shutdown(a)
				return a.db.server.Stop(mariaserver.Fast) // which waits for its end
			},
			heal: startAgain,
		},
		{
			row: "gmy-015", name: "the server is down", is: syscall.ECONNREFUSED, heal: startAgain,
			before: func(a *mariaAttempt) {
				if err := a.db.server.Stop(mariaserver.Fast); err != nil {
					a.Error(err)
				}
			},
		},
	})
}

// committing is the condition of a COMMIT that waits for a global read lock.
const committing = "info = 'COMMIT' and state like 'Waiting for%'"

func sigkill(a *mariaAttempt) {
	if err := a.db.server.Kill(); err != nil {
		a.Error(err)
	}
}

func shutdown(a *mariaAttempt) { a.db.outside(a.T, `shutdown`) }

// startAgain starts the server, which has ended or is about to.
func startAgain(t *testing.T, d *mariaDB) {
	if err := d.server.Restart(t.Context(), mariaserver.Fast); err != nil {
		t.Error(err)
	}
}

// takeConnections takes all that are left to users who are not root.
func takeConnections(a *mariaAttempt) {
	a.db.outside(a.T, `set global max_connections = 10`)
	a.after(func() { a.db.outside(a.T, `set global max_connections = 200`) })
	mariaCrowd(20)(a)
}
