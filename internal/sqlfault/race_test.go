package sqlfault_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"modernc.org/sqlite"
)

// gate is a function of SQL that stops the statement in the middle.
var gate struct{ reached, open chan struct{} }

func init() {
	sqlite.MustRegisterScalarFunction("gate", 0, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
		gate.reached <- struct{}{}
		<-gate.open
		return int64(1), nil
	})
}

// TestACutWaitsForTheCallInside and takes its success away.
//
// Mutation seen to fail it: answer what the call answered.
func TestACutWaitsForTheCallInside(t *testing.T) {
	gate.reached, gate.open = make(chan struct{}), make(chan struct{})
	b := newBed(t, "")
	tx := b.begin(t)
	result := make(chan error)
	go func() {
		_, err := tx.Exec(`insert into t values (gate())`)
		result <- err
	}()
	<-gate.reached
	if !b.faults.CutOne() { // does not wait itself
		t.Error("nothing was cut")
	}
	close(gate.open)
	if err := <-result; !errors.Is(err, driver.ErrBadConn) {
		t.Error(err)
	}
	b.do(t, `insert into t values (2)`)
	if n := b.count(t); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// TestACutAndAnInterruptTogether: the context of the call ends as well.
func TestACutAndAnInterruptTogether(t *testing.T) {
	b := newBed(t, "")
	for range 20 {
		tx := b.begin(t)
		ctx, cancel := context.WithCancel(context.Background())
		var together sync.WaitGroup
		together.Go(cancel)
		together.Go(func() { b.faults.CutOne() })
		_, err := tx.ExecContext(ctx, `with recursive r(n) as (select 1 union all select n+1 from r) insert into t select n from r`)
		if !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		together.Wait()
		_ = tx.Rollback()
		b.do(t, `insert into t values (1)`)
	}
	if n := b.count(t); n != 20 {
		t.Errorf("%d rows, want 20", n)
	}
}

// TestManyCutsAmidWork: each transaction writes two rows, and there are never any
// but those of the transactions that said so.
//
// Mutation seen to fail it: close the connection under a call.
func TestManyCutsAmidWork(t *testing.T) {
	b := newBed(t, "&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(0)")
	b.db.SetMaxOpenConns(8)
	var committed, lost atomic.Int64
	unknown := b.faults.LoseCommits(20, true)
	stop := make(chan struct{})
	var cutter, workers sync.WaitGroup
	cutter.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if i%50 == 49 {
				b.faults.CutAll()
			} else {
				b.faults.CutOne()
			}
		}
	})
	for range 8 {
		workers.Go(func() {
			for range 40 {
				switch err := twoRows(b.db); {
				case err == nil:
					committed.Add(1)
				case errors.Is(err, driver.ErrBadConn):
					lost.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	close(stop)
	cutter.Wait()
	// A cut may also have come while COMMIT was in progress: done, and not said.
	n := int64(b.count(t))
	if least, most := 2*(committed.Load()+unknown.Load()), 2*(committed.Load()+lost.Load()); n%2 != 0 || n < least || n > most {
		t.Errorf("%d rows, want an even number from %d to %d", n, least, most)
	}
	t.Logf("%d committed, %d lost, %d COMMITs unanswered", committed.Load(), lost.Load(), unknown.Load())
}

func twoRows(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for range 2 {
		if _, err := tx.Exec(`insert into t values (?)`, 1); err != nil {
			return err
		}
		rows, err := tx.Query(`select n from t limit 3`)
		if err != nil {
			return err
		}
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				return err
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return tx.Commit()
}
