package provoked_test

import (
	"context"
	"database/sql/driver"
	"testing"

	"github.com/reprise-go/reprise/internal/corpus"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
)

// These save words.
type (
	mariaAttempt  = attempt[*mariaDB]
	mariaScenario = scenario[*mariaDB]
	mariaStep     = func(a *mariaAttempt) error
)

// playMaria plays scenarios, and looks after each error what the server itself says
// about the transaction.
func playMaria(t *testing.T, parallel bool, open func(t *testing.T) *mariaDB, list []mariaScenario) {
	for i := range list {
		if provoke := list[i].provoke; provoke != nil {
			rollsBack := rows()[list[i].row].RollsBack
			list[i].provoke = func(a *mariaAttempt) error {
				err := provoke(a)
				if err != nil {
					a.db.checkInTransaction(a, rollsBack)
				}
				return err
			}
		}
	}
	play(t, parallel, open, list)
}

// checkInTransaction asks the attempt's own connection, where it still answers: the
// adapter would let no statement through.
func (d *mariaDB) checkInTransaction(a *mariaAttempt, rollsBack string) {
	conn, ok := d.conns.Load(a.session)
	if !ok || !conn.(driver.Validator).IsValid() {
		return
	}
	in, ok := mariaValue(context.WithoutCancel(a.ctx), conn.(driver.Conn), "select @@in_transaction")
	switch {
	case !ok || rollsBack == "unknown":
	case rollsBack == "statement" && in != "1", rollsBack == "tx" && in != "0", rollsBack == "" && in != "0":
		a.Errorf("in_transaction is %s after the error; what the server undid by itself is to be: %s", in, rollsBack)
	}
}

// refusesRollback looks whether the server would take a ROLLBACK.
func (d *mariaDB) refusesRollback(a *mariaAttempt, code string) {
	conn, _ := d.conns.Load(a.session)
	_, err := conn.(driver.ExecerContext).ExecContext(context.WithoutCancel(a.ctx), "rollback", nil)
	if d.code(err) != code || !d.locked(a.T) {
		a.Errorf("ROLLBACK: %v; want %s, and the transaction still there", err, code)
	}
}

// mariaRow adds a row that the corpus does not have, named by its number alone.
func mariaRow(code string, r corpus.Row) string {
	r.ID, r.Layer, r.Code, r.Engine = code, "errno", code, "mariadb"
	rows()[code] = r
	return code
}

// statementOnly is an error that a replay would meet again, and that undoes nothing
// but its statement.
func statementOnly(phases ...retryable.Phase) corpus.Row {
	return corpus.Row{Phases: phases, Reuse: true, RollsBack: "statement"}
}

// send runs statements in the attempt, the last of which is to fail.
func send(statements ...string) mariaStep {
	return func(a *mariaAttempt) error {
		for i, q := range statements {
			_, err := mysqladapter.Tx(a.ctx).ExecContext(a.ctx, q)
			if err != nil && i < len(statements)-1 {
				a.Errorf("%s: %v", q, err)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// steps does one after the other.
func steps(all ...mariaStep) mariaStep {
	return func(a *mariaAttempt) error {
		for _, step := range all {
			if err := step(a); err != nil {
				return err
			}
		}
		return nil
	}
}

// past runs statements past the attempt.
func past(statements string) mariaStep {
	return func(a *mariaAttempt) error { a.db.outside(a.T, statements); return nil }
}

// holding runs statements in another session that lives as long as the attempt.
func holding(statements ...string) mariaStep {
	return func(a *mariaAttempt) error { mariaOther(a, statements...); return nil }
}
