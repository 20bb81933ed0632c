package sqliteadapter_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/internal/sqlfault"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestAConnectionLostAmidATransaction, wherever that is noticed: all is undone and
// done again, and the queue of writers goes on.
//
// Mutation seen to fail it: keep the turn of a connection that is closed without COMMIT or ROLLBACK.
func TestAConnectionLostAmidATransaction(t *testing.T) {
	for name, lose := range map[string]func(ctx context.Context, faults *sqlfault.Connector) error{
		"before a statement": func(ctx context.Context, faults *sqlfault.Connector) error {
			faults.CutAll()
			return exec(ctx, `insert into effect values (2)`)
		},
		"and swallowed": func(ctx context.Context, faults *sqlfault.Connector) error {
			faults.CutAll()
			_ = exec(ctx, `insert into effect values (2)`)
			return nil
		},
		"amid rows": func(ctx context.Context, faults *sqlfault.Connector) error {
			rows, err := sqliteadapter.Tx(ctx).QueryContext(ctx, `select value from json_each('[1,2,3]')`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				faults.CutAll()
			}
			return rows.Err()
		},
		"in a prepared statement": func(ctx context.Context, faults *sqlfault.Connector) error {
			stmt, err := sqliteadapter.Tx(ctx).PrepareContext(ctx, `insert into effect values (?)`)
			if err != nil {
				return err
			}
			defer stmt.Close()
			faults.CutAll()
			_, err = stmt.ExecContext(ctx, 2)
			return err
		},
		"before COMMIT": func(_ context.Context, faults *sqlfault.Connector) error {
			faults.CutAll()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, faults := openFaulty(t)
			var reasons []string
			o := quick()
			o.Observe = func(_ context.Context, ev txctx.Event) {
				if ev.Kind == txctx.AttemptEnded {
					reasons = append(reasons, ev.Reason.String())
				}
			}
			runs, err := run(db, o, func(ctx context.Context) error {
				if err := exec(ctx, `insert into effect values (1)`); err != nil {
					return err
				}
				if txctx.AttemptOf(ctx).Number == 1 {
					return lose(ctx, faults)
				}
				return nil
			})
			if runs != 2 || err != nil || effects(t, db) != 1 {
				t.Errorf("ran %d times, error %v, %d effects", runs, err, effects(t, db))
			}
			if want := "[disconnected none]"; fmt.Sprint(reasons) != want {
				t.Errorf("reasons %v, want %v", reasons, want)
			}
			queueIsFree(t, db)
		})
	}
}

// TestAnIdleConnectionLostUsesUpNoReplay, in the pool, before the attempt.
func TestAnIdleConnectionLostUsesUpNoReplay(t *testing.T) {
	db, faults := openFaulty(t)
	warmUp(t, db, 4)
	for _, readOnly := range []bool{false, true} {
		o := once()
		o.ReadOnly = readOnly
		if n := faults.CutAll(); n < 1 {
			t.Fatal("nothing was cut")
		}
		runs, err := run(db, o, func(ctx context.Context) error {
			var n int
			return sqliteadapter.Tx(ctx).QueryRowContext(ctx, `select n from counter`).Scan(&n)
		})
		if runs != 1 || err != nil {
			t.Errorf("read only %t: ran %d times, error %v", readOnly, runs, err)
		}
	}
}

// TestALostCommitIsUnknown, whether it was executed or not; and what may be
// repeated is.
//
// Mutation seen to fail it: classify driver.ErrBadConn at phase Commit as Disconnected.
func TestALostCommitIsUnknown(t *testing.T) {
	for _, delivered := range []bool{true, false} {
		for _, idempotent := range []bool{true, false} {
			t.Run(fmt.Sprintf("delivered %t, idempotent %t", delivered, idempotent), func(t *testing.T) {
				db, faults := openFaulty(t)
				lost := faults.LoseCommits(1, delivered)
				o := quick()
				o.Idempotent = idempotent
				runs, err := run(db, o, func(ctx context.Context) error { return exec(ctx, `insert into effect values (1)`) })
				want, unknown := 0, &txctx.OutcomeUnknownError{}
				if delivered {
					want++
				}
				if idempotent {
					want++
				}
				if n := effects(t, db); n != want || lost.Load() != 1 || errors.As(err, &unknown) == idempotent {
					t.Errorf("ran %d times, error %v, %d effects, want %d", runs, err, n, want)
				}
				if idempotent && (runs != 2 || err != nil) {
					t.Errorf("ran %d times, error %v", runs, err)
				}
				queueIsFree(t, db)
			})
		}
	}
}

// TestNoConnectionCanBeOpened: the attempts are doomed as Disconnected, and
// afterwards everything goes on.
func TestNoConnectionCanBeOpened(t *testing.T) {
	db, faults := openFaulty(t)
	faults.Refuse(true)
	faults.CutAll()
	o := quick()
	o.Retry.MaxRetries = 2
	insert := func(ctx context.Context) error { return exec(ctx, `insert into effect values (1)`) }
	runs, err := run(db, o, insert)
	if runs != 3 {
		t.Errorf("ran %d times", runs)
	}
	for i := range 3 {
		wantReason(t, err, i, retryable.Disconnected)
	}
	faults.Refuse(false)
	if runs, err := run(db, once(), insert); runs != 1 || err != nil || effects(t, db) != 1 {
		t.Errorf("afterwards: ran %d times, error %v, %d effects", runs, err, effects(t, db))
	}
}

// TestRideThrough: connections are cut, and COMMITs lost, while 16 clients count.
// Those whose outcome is known have counted exactly once.
func TestRideThrough(t *testing.T) {
	db, faults := openFaulty(t)
	warmUp(t, db, 16)
	const clients, each = 16, 5
	var mu sync.Mutex
	var known, unknown int
	stop := make(chan struct{})
	var cutter, wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				o := quick()
				o.Retry.MaxRetries = retryable.Unlimited
				_, err := run(db, o, count)
				mu.Lock()
				switch {
				case err == nil:
					known++
				case errors.As(err, new(*txctx.OutcomeUnknownError)):
					unknown++
				default:
					t.Error(err)
				}
				mu.Unlock()
			}
		})
	}
	cutter.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			faults.CutOne()
			if i%20 == 0 {
				faults.LoseCommits(1, i%40 == 0)
			}
			_ = db.SQL().Ping() // some progress between the cuts
		}
	})
	wg.Wait()
	close(stop)
	cutter.Wait()
	var n int
	if err := db.SQL().QueryRow(`select n from counter`).Scan(&n); err != nil || n < known || n > known+unknown {
		t.Errorf("the counter is %d, want %d to %d, error %v", n, known, known+unknown, err)
	}
	t.Logf("%d known, %d unknown, the counter is %d", known, unknown, n)
	queueIsFree(t, db)
}
