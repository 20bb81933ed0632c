package sqliteadapter_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestTheTurnEnds, whatever becomes of the transaction it was for.
//
// Mutation seen to fail it: give it back without defer.
func TestTheTurnEnds(t *testing.T) {
	broken := errors.New("broken")
	insert := func(ctx context.Context) error { return exec(ctx, `insert into effect values (1)`) }
	for name, trouble := range map[string]func(s *spy) func(ctx context.Context) error{
		"BEGIN fails": func(s *spy) func(context.Context) error {
			s.begin = func(func() error) error { return broken }
			return insert
		},
		"BEGIN panics": func(s *spy) func(context.Context) error {
			s.begin = func(func() error) error { panic(broken) }
			return insert
		},
		"the context ends while it begins": func(s *spy) func(context.Context) error {
			return func(ctx context.Context) error {
				ctx, cancel := context.WithCancel(ctx)
				s.begin = func(begin func() error) error { cancel(); return begin() }
				return exec(ctx, `select 1`)
			}
		},
		"COMMIT fails": func(s *spy) func(context.Context) error {
			s.end = func(_ string, end func() error) error { return errors.Join(broken, end()) }
			return insert
		},
		"COMMIT panics": func(s *spy) func(context.Context) error {
			s.end = func(_ string, end func() error) error { _ = end(); panic(broken) }
			return insert
		},
		"COMMIT is refused": func(*spy) func(context.Context) error {
			return func(ctx context.Context) error { return exec(ctx, `insert into child values (7)`) }
		},
		"ROLLBACK fails": func(s *spy) func(context.Context) error {
			s.end = func(_ string, end func() error) error { return errors.Join(broken, end()) }
			return func(ctx context.Context) error { return errors.Join(insert(ctx), broken) }
		},
		"ROLLBACK does not arrive": func(s *spy) func(context.Context) error {
			s.end = func(string, func() error) error { return broken }
			return func(ctx context.Context) error { return errors.Join(insert(ctx), broken) }
		},
		"ROLLBACK panics": func(s *spy) func(context.Context) error {
			s.end = func(_ string, end func() error) error { _ = end(); panic(broken) }
			return func(ctx context.Context) error { return errors.Join(insert(ctx), broken) }
		},
		"the handler panics": func(*spy) func(context.Context) error {
			return func(ctx context.Context) error { _ = insert(ctx); panic(broken) }
		},
		"the handler commits": func(*spy) func(context.Context) error {
			return func(ctx context.Context) error { return sqliteadapter.Tx(ctx).Commit() }
		},
		"a statement is interrupted": func(*spy) func(context.Context) error {
			return func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				defer cancel()
				return exec(ctx, `with recursive r(n) as (select 1 union all select n+1 from r) insert into effect select n from r`)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpy(t)
			db := sqliteadapter.New(s, sqliteadapter.Config{})
			if strings.HasSuffix(name, " panics") && name != "the handler panics" {
				defer db.Close() // database/sql loses the connection of a driver that panics
				tables(t, db)
			} else {
				prepare(t, db)
			}
			handle := trouble(s)
			func() {
				defer func() {
					if p := recover(); p != nil && p != any(broken) {
						panic(p)
					}
				}()
				if runs, err := run(db, once(), handle); runs != 1 || err == nil {
					t.Errorf("ran %d times, error %v", runs, err)
				}
			}()
			s.quiet.Store(true)
			queueIsFree(t, db)
		})
	}
}

// TestATransactionWithinATransaction does not wait for itself for ever, and says
// what is wrong.
//
// Mutation seen to fail it: no limit to the patience.
func TestATransactionWithinATransaction(t *testing.T) {
	db := sqliteadapter.NewImpatient(newSpy(t), 20*time.Millisecond)
	prepare(t, db)
	runs, err := run(db, txctx.Options{}, func(ctx context.Context) error {
		if err := exec(ctx, `insert into effect values (1)`); err != nil {
			return err
		}
		tx, err := db.SQL().BeginTx(ctx, nil)
		if err == nil {
			t.Error("two writers at once")
			return tx.Rollback()
		}
		return err
	})
	if runs != 1 || err == nil || !strings.Contains(err.Error(), "does a handler begin a second transaction within its own?") ||
		!strings.Contains(err.Error(), "database is locked") || effects(t, db) != 0 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, effects(t, db))
	}
	queueIsFree(t, db)
}

// TestWhoWaitsTooLongIsTold what for. The policy's AcquireTimeout is for the queue,
// too.
//
// Mutation seen to fail it: answer the context's error alone.
func TestWhoWaitsTooLongIsTold(t *testing.T) {
	db := open(t, "")
	holder, err := db.SQL().Begin()
	if err != nil {
		t.Fatal(err)
	}
	o := once()
	o.Retry.AcquireTimeout = 20 * time.Millisecond
	runs, err := run(db, o, count)
	wantReason(t, err, 0, retryable.Overloaded)
	if runs != 1 || !strings.Contains(err.Error(), "waiting for another write transaction to end") {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if err := holder.Rollback(); err != nil {
		t.Error(err)
	}
	queueIsFree(t, db)
}

// TestTheQueueIsFair: first come, first served.
//
// Mutation: wake all who wait, and let them fight.
func TestTheQueueIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers = 32
		q := sqliteadapter.NewQueue(time.Hour)
		if mine, err := q.Wait(t.Context()); !mine || err != nil {
			t.Fatal(mine, err)
		}
		turns := make(chan int, writers)
		for i := range writers {
			go func() {
				if mine, err := q.Wait(t.Context()); !mine || err != nil {
					t.Error(mine, err)
				}
				turns <- i
				q.Next()
			}()
			synctest.Wait() // it stands in the queue
		}
		q.Next()
		for want := range writers {
			if got := <-turns; got != want {
				t.Errorf("turn %d was that of writer %d", want, got)
			}
		}
	})
}
