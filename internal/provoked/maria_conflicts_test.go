package provoked_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
)

// TestMariaDB shares one server, which no scenario may hurt.
//
// Mutations of mysqladapter seen to fail it: 1213 or 1615 have no reason; 1243 keeps the
// connection; COMMIT without a look at the socket; no KILL; a write in a READ ONLY
// request is a failover; a lost COMMIT is a lost connection.
func TestMariaDB(t *testing.T) {
	t.Parallel()
	on := mariaOf(mariatest.New(t, mariaserver.Config{Settings: map[string]string{"max_allowed_packet": "32K"}}))
	playMaria(t, true, on(mariaOptions{}), slices.Concat(
		mariaConflicts(on), mariaLocks(on), mariaConstraints(on), mariaLosses(on), mariaCommit(on), mariaConnect(on)))
}

// mariaConflicts: what other transactions, and other people's DDL, do to one.
func mariaConflicts(on mariaOn) []mariaScenario {
	serializable := on(mariaOptions{iso: sql.LevelSerializable})
	snapshots := on(mariaOptions{params: "&innodb_snapshot_isolation=ON", iso: sql.LevelRepeatableRead})
	read1 := `select n from counter where id = 1`
	return []mariaScenario{
		{row: "mym-004", name: "crossed updates", text: "Deadlock found", provoke: crossed},
		{row: "mym-004", name: "swallowed", text: "Deadlock found", provoke: crossed, swallow: true},
		{
			row: "mym-004", name: "two SERIALIZABLE that read, then write", text: "Deadlock found", open: serializable,
			provoke: steps(send(read1), func(a *mariaAttempt) error {
				other := heavy(a, `set transaction isolation level serializable`)
				mariaRun(a.T, other, read1)
				background(a, other, bump1)
				return send(bump1)(a)
			}),
		},
		{
			name: "1020 the row has changed since it was read", text: "Record has changed since last read", open: snapshots,
			gives:   &verdict{code: "1020", phase: retryable.Statement, reason: retryable.Serialization, kept: true},
			provoke: steps(send(read1), past(bump1), send(bump1)),
		},
		{
			name: "1020 swallowed", text: "Record has changed since last read", open: snapshots, swallow: true,
			gives:   &verdict{code: "1020", phase: retryable.Statement, reason: retryable.Serialization, kept: true},
			provoke: steps(send(read1), past(bump1), send(bump1)),
		},
		{
			row: "mym-006", name: "the table was copied", text: "please retry transaction",
			provoke: steps(send(`select * from effect`), past(`alter table counter add more int, algorithm=copy`), send(read1)),
		},
		{
			row: "mym-007", name: "a view that is replaced again and again", text: "needs to be re-prepared",
			open: on(mariaOptions{setup: `create view v as select n from counter`}), before: unsettled,
		},
		{
			row: "mym-008", name: "closed behind the driver's back", text: "Unknown prepared statement handler",
			provoke: unprepared,
		},
		{row: "mym-091", name: "SIGNAL SQLSTATE 40001", text: "try again", provoke: send(`signal sqlstate '40001' set message_text = 'try again'`)},
		{row: "mym-091", name: "in every attempt", text: "try again", always: true, provoke: send(`signal sqlstate '40001' set message_text = 'try again'`)},
		{
			row: "mym-093", name: "SIGNAL with MYSQL_ERRNO 1205", text: "forged",
			provoke: send(`signal sqlstate '45000' set mysql_errno = 1205, message_text = 'forged'`),
		},
	}
}

// heavy begins a transaction that has written more than the attempt, so that of the two
// the attempt is the victim.
func heavy(a *mariaAttempt, first ...string) *sql.Conn {
	other := mariaOther(a, append(first, `begin`)...)
	mariaRun(a.T, other, `insert into effect select seq from seq_1001_to_1100`)
	return other
}

// crossed updates the same two rows as another transaction, the other way round.
func crossed(a *mariaAttempt) error {
	if err := send(bump1)(a); err != nil {
		return err
	}
	other := heavy(a)
	mariaRun(a.T, other, bump2)
	background(a, other, bump1)
	return send(bump2)(a)
}

// background runs a statement of another session on its own goroutine. The attempt's
// end waits for it.
func background(a *mariaAttempt, other *sql.Conn, statement string) {
	done := make(chan error, 1)
	go func() {
		_, err := other.ExecContext(context.WithoutCancel(a.ctx), statement)
		done <- err
	}()
	a.after(func() {
		if err := <-done; err != nil {
			a.Errorf("the other one: %v", err)
		}
	})
}

func mariaRun(t *testing.T, conn *sql.Conn, statement string) {
	t.Helper()
	if _, err := conn.ExecContext(context.Background(), statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

// unprepared has the server forget a statement that the driver has prepared, as a
// pooler does that gives the client another server connection.
func unprepared(a *mariaAttempt) error {
	stmt, err := mysqladapter.Tx(a.ctx).PrepareContext(a.ctx, `update counter set n = ? where id = 1`)
	if err != nil {
		return err
	}
	defer stmt.Close()
	var forget []byte
	for id := range 4096 { // the server's threads do not begin anew with each connection
		const comStmtClose = 0x19 // which has no answer
		forget = append(forget, 5, 0, 0, 0, comStmtClose, byte(id), byte(id>>8), 0, 0)
	}
	if _, err := a.db.socket.Load().(net.Conn).Write(forget); err != nil {
		return fmt.Errorf("past the driver: %w", err)
	}
	_, err = stmt.ExecContext(a.ctx, 7)
	return err
}

// unsettled executes a prepared statement until the view under it has changed three times
// between the server's preparing it anew and executing it: one time in twenty, and before
// the attempt holds a lock, or rolling back to the savepoint would not let the view go.
func unsettled(a *mariaAttempt) {
	stop, done := make(chan struct{}), make(chan struct{})
	other := mariaOther(a)
	a.after(func() { close(stop); <-done }) // it may be waiting for the attempt
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				mariaRun(a.T, other, `create or replace view v as select n from counter`)
			}
		}
	}()
	err := mysqladapter.Tx(a.ctx).QueryRowContext(a.ctx, `select connection_id()`).Scan(&a.session)
	for began := time.Now(); err == nil && time.Since(began) < 10*time.Second; {
		if err = errors.Join(send(`savepoint s`)(a), mariaPrepared(a, `select n from v where n = ?`)); err == nil {
			err = send(`rollback to s`)(a)
		}
	}
	a.db.checkInTransaction(a, "statement")
}

func mariaPrepared(a *mariaAttempt, query string) error {
	stmt, err := mysqladapter.Tx(a.ctx).PrepareContext(a.ctx, query)
	if err != nil {
		return err
	}
	defer stmt.Close()
	_, err = stmt.ExecContext(a.ctx, 0)
	return err
}
