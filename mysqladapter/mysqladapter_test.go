package mysqladapter_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func TestCommitAndRollback(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	if _, err := b.run(txctx.Options{}, effect); err != nil || b.effects() != 1 {
		t.Errorf("error %v, %d effects", err, b.effects())
	}
	boom := errors.New("boom")
	if _, err := b.run(txctx.Options{}, func(ctx context.Context) error { return errors.Join(effect(ctx), boom) }); !errors.Is(err, boom) || b.effects() != 1 {
		t.Errorf("error %v, %d effects", err, b.effects())
	}
}

// TestASwallowedDeadlock: the server drops the transaction of the victim, and would
// run its next statement in autocommit. Nothing of it may be in the table.
//
// Mutation: do not refuse statements of a doomed attempt.
func TestASwallowedDeadlock(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	var deadlocks int
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		if txctx.AttemptOf(ctx).Number > 1 {
			return effect(ctx)
		}
		if err := effect(ctx); err != nil {
			return err
		}
		other := b.other()
		defer other.Rollback()
		if err := exec(ctx, `update counter set n = n+1 where id = 1`); err != nil {
			return err
		}
		// The other one has written more, so that this one is the victim.
		for range 50 {
			if _, err := other.Exec(`insert into effect values (100)`); err != nil {
				return err
			}
		}
		if _, err := other.Exec(`update counter set n = n+1 where id = 2`); err != nil {
			return err
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = other.Exec(`update counter set n = n+1 where id = 1`)
		}()
		first := exec(ctx, `update counter set n = n+1 where id = 2`)
		if number(first) == 1213 {
			deadlocks++
		}
		for range 3 {
			if err := exec(ctx, `insert into effect values (200)`); retryable.ReasonOf(err) != retryable.Deadlock {
				t.Errorf("after %v: %v", first, err)
			}
		}
		<-done
		return nil // swallowed
	})
	if runs != 2 || err != nil || deadlocks != 1 || b.effects() != 1 {
		t.Errorf("ran %d times, error %v, %d deadlocks, %d effects", runs, err, deadlocks, b.effects())
	}
}

// TestALockWaitTimeoutRollsBackAll: the server has undone the statement alone.
func TestALockWaitTimeoutRollsBackAll(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	other := b.other()
	if _, err := other.Exec(`update counter set n = 1 where id = 1`); err != nil {
		t.Fatal(err)
	}
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		if txctx.AttemptOf(ctx).Number > 1 {
			_ = other.Rollback()
			return effect(ctx)
		}
		err := errors.Join(effect(ctx), exec(ctx, `set session innodb_lock_wait_timeout = 1`))
		if err != nil {
			return err
		}
		if err := exec(ctx, `update counter set n = 2 where id = 1`); number(err) != 1205 || retryable.ReasonOf(err) != retryable.LockTimeout {
			t.Errorf("%v", err)
		}
		return nil // swallowed
	})
	if runs != 2 || err != nil || b.effects() != 1 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, b.effects())
	}
}

// TestDefinitionsFence: what they commit cannot be taken back.
//
// Mutation: no fence.
func TestDefinitionsFence(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	for q, want := range map[string]int{
		`create table x1 (n int)`:                1,
		`/* c */ ALTER TABLE effect comment 'x'`: 1,
		`create temporary table x2 (n int)`:      2,
	} {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
			if txctx.AttemptOf(ctx).Number > 1 {
				return nil
			}
			if err := exec(ctx, q); err != nil {
				return err
			}
			return retryable.ErrRetry
		})
		exhausted, fenced := errors.AsType[*retryable.ExhaustedError](err)
		if runs != want || fenced != (want == 1) || fenced && !strings.Contains(exhausted.Why, "commits implicitly") {
			t.Errorf("%s: ran %d times, error %v", q, runs, err)
		}
	}
}

// TestAnAbandonedStatementIsKilled: the driver hangs up, and the server would keep
// its locks until it is done.
//
// Mutation: do not kill.
func TestAnAbandonedStatementIsKilled(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	why := errors.New("lost patience")
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		if err := exec(ctx, `update counter set n = 7 where id = 1`); err != nil {
			return err
		}
		short, cancel := context.WithTimeoutCause(ctx, 100*time.Millisecond, why)
		defer cancel()
		return exec(short, `select sleep(60) + ?`, 1)
	})
	if runs != 1 || !errors.Is(err, why) {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := b.db.SQL().ExecContext(ctx, `update counter set n = 8 where id = 1`); err != nil {
		t.Errorf("the row is locked still after %v: %v", time.Since(start), err)
	}
}

// TestAKilledConnectionIsReplayed, whoever kills it and when.
func TestAKilledConnectionIsReplayed(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	var id int
	for name, kill := range map[string]func(ctx context.Context){
		"by itself": func(ctx context.Context) { _ = exec(ctx, fmt.Sprintf(`kill connection %d`, id)) },
		"by others": func(ctx context.Context) { b.outside(fmt.Sprintf(`kill connection %d`, id)); _ = exec(ctx, `select 1`) },
	} {
		b.outside(`truncate effect`)
		runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
			if err := effect(ctx); err != nil {
				return err
			}
			if txctx.AttemptOf(ctx).Number == 1 {
				_ = mysqladapter.Tx(ctx).QueryRowContext(ctx, `select connection_id()`).Scan(&id)
				kill(ctx)
			}
			return nil // swallowed
		})
		if runs != 2 || err != nil || b.effects() != 1 {
			t.Errorf("%s: ran %d times, error %v, %d effects", name, runs, err, b.effects())
		}
	}
}

// TestReadOnlyAndIsolation reach the server.
func TestReadOnlyAndIsolation(t *testing.T) {
	b := newBed(t, mysqladapter.Config{TxOptions: sql.TxOptions{Isolation: sql.LevelSerializable}})
	runs, err := b.run(txctx.Options{ReadOnly: true}, effect)
	if runs != 1 || number(err) != 1792 {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	// Serializable: reads lock, so two who read and then write deadlock.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := b.run(txctx.Options{Lanes: nil, Retry: retryable.Policy{MaxRetries: 50}}, func(ctx context.Context) error {
				var n int
				if err := mysqladapter.Tx(ctx).QueryRowContext(ctx, `select n from counter where id = 1`).Scan(&n); err != nil {
					return err
				}
				return exec(ctx, `update counter set n = ? where id = 1`, n+1)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var n int
	if err := b.db.SQL().QueryRow(`select n from counter where id = 1`).Scan(&n); err != nil || n != 8 {
		t.Errorf("the counter is %d, error %v", n, err)
	}
}

// TestRule15_OutcomesOfCommit: ErrInvalidConn says the same of a COMMIT that arrived
// and of one that did not.
func TestRule15_OutcomesOfCommit(t *testing.T) {
	server := mariatest.Shared(t)
	for name, tt := range map[string]struct {
		rule    faultproxy.Rule
		effects int
	}{
		"the answer is swallowed": {faultproxy.Rule{When: faultproxy.SQL("commit"), AwaitReply: true, Then: faultproxy.CutClient}, 1},
		"COMMIT is dropped":       {faultproxy.Rule{When: faultproxy.SQL("commit"), Do: faultproxy.Drop, Then: faultproxy.CutBoth}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := mysqlproxy.New(server.Addr())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			b := bedOn(t, mariaserver.Via(mariatest.Database(t, server), p.Addr()), mysqladapter.Config{})
			hit := p.Add(tt.rule)
			runs, err := b.run(txctx.Options{}, effect)
			if _, unknown := errors.AsType[*txctx.OutcomeUnknownError](err); !unknown || runs != 1 || hit.Count() != 1 {
				t.Errorf("ran %d times, error %v", runs, err)
			}
			deadline := time.Now().Add(5 * time.Second)
			for b.effects() != tt.effects && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
			}
			if n := b.effects(); n != tt.effects {
				t.Errorf("%d effects, want %d", n, tt.effects)
			}
		})
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	for dsn, want := range map[string]string{
		"app:secret@tcp(db:3306":                         "invalid DSN",
		"app:secret@tcp(db:3306)/x?multiStatements=true": "multiStatements",
		"app:secret@tcp(db:3306)/x?parseTime=perhaps":    "perhaps",
	} {
		_, err := mysqladapter.Open(dsn, mysqladapter.Config{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %q", dsn, err, want)
		}
	}
}
