package mysqladapter_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

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

// TestASnapshotConflict: with innodb_snapshot_isolation MariaDB refuses to write what
// has changed since the transaction read it, by 1020, and drops the transaction as it
// does for a deadlock. Nothing of the attempt may be in the table, nor of what it
// sends afterwards.
//
// Mutations seen to fail it: 1020 has no reason; a doomed attempt's statements are
// sent.
func TestASnapshotConflict(t *testing.T) {
	b := bedOn(t, mariatest.Database(t, mariatest.Shared(t))+"&innodb_snapshot_isolation=ON",
		mysqladapter.Config{TxOptions: sql.TxOptions{Isolation: sql.LevelRepeatableRead}})
	conflicts := 0
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		if err := effect(ctx); err != nil {
			return err
		}
		n, err := query(ctx, `select n from counter where id = 1`)
		if err != nil {
			return err
		}
		if txctx.AttemptOf(ctx).Number == 1 {
			b.outside(`update counter set n = n + 10 where id = 1`)
		}
		if err := exec(ctx, `update counter set n = ? where id = 1`, n+1); number(err) == 1020 && retryable.ReasonOf(err) == retryable.Serialization {
			conflicts++
		}
		if conflicts == 1 && txctx.AttemptOf(ctx).Number == 1 {
			if err := exec(ctx, `insert into effect values (200)`); number(err) != 1020 {
				t.Errorf("the next statement: %v", err)
			}
		}
		return nil // swallowed
	})
	if runs != 2 || err != nil || conflicts != 1 || b.effects() != 1 {
		t.Errorf("ran %d times, error %v, %d conflicts, %d effects", runs, err, conflicts, b.effects())
	}
	if n, err := b.number(`select n from counter where id = 1`); n != 11 || err != nil {
		t.Errorf("the counter is %d, error %v", n, err)
	}
}

// TestASnapshotConflictDropsTheTransaction says what the server does by itself.
func TestASnapshotConflictDropsTheTransaction(t *testing.T) {
	b := bedOn(t, mariatest.Database(t, mariatest.Shared(t))+"&innodb_snapshot_isolation=ON", mysqladapter.Config{})
	tx := b.other()
	defer tx.Rollback()
	var n, in int
	_, err := tx.Exec(`insert into effect values (1)`)
	err = errors.Join(err, tx.QueryRow(`select n from counter where id = 1`).Scan(&n))
	b.outside(`update counter set n = n + 10 where id = 1`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`update counter set n = 1 where id = 1`); number(err) != 1020 {
		t.Errorf("%v", err)
	}
	if err := tx.QueryRow(`select @@in_transaction`).Scan(&in); in != 0 || err != nil || b.effects() != 0 {
		t.Errorf("in_transaction %d, error %v, %d effects", in, err, b.effects())
	}
}
