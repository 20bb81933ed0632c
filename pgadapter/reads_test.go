package pgadapter_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func reading(level pgx.TxIsoLevel) pgadapter.Config {
	return pgadapter.Config{TxOptions: pgx.TxOptions{IsoLevel: level}}
}

func selectOne(ctx context.Context, tx pgx.Tx) error {
	return tx.QueryRow(ctx, `select $1::int`, 1).Scan(new(int))
}

// TestRule14_PlainReadsDoNotWait: the result is there while the end of the transaction is
// held back, and the connection is not, nor is the pool closed before.
//
// Mutations seen to fail it: never leave; give the connection back at once.
func TestRule14_PlainReadsDoNotWait(t *testing.T) {
	boom := errors.New("boom")
	for name, tt := range map[string]struct {
		cfg  pgadapter.Config
		end  string
		want error
		fn   func(ctx context.Context, tx pgx.Tx) error
	}{
		"READ COMMITTED":  {reading(pgx.ReadCommitted), "commit", nil, selectOne},
		"REPEATABLE READ": {reading(pgx.RepeatableRead), "commit", nil, selectOne},
		"SHOW": {reading(pgx.ReadCommitted), "commit", nil, func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, `show server_version`).Scan(new(string))
		}},
		"a batch": {reading(pgx.ReadCommitted), "commit", nil, func(ctx context.Context, tx pgx.Tx) error {
			var b pgx.Batch
			b.Queue(`select 1`)
			b.Queue(`select count(*) from effect`)
			return tx.SendBatch(ctx, &b).Close()
		}},
		"rolled back": {reading(pgx.ReadCommitted), "rollback", boom, func(ctx context.Context, tx pgx.Tx) error {
			return errors.Join(selectOne(ctx, tx), boom)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := proxied(t, tt.cfg)
			hit := p.Add(faultproxy.Rule{When: faultproxy.SQL(tt.end), Do: faultproxy.Hold})
			if runs, err := b.run(txctx.Options{ReadOnly: true}, tt.fn); runs != 1 || !errors.Is(err, tt.want) {
				t.Errorf("ran %d times, error %v", runs, err)
			}
			if n := b.pool.Stat().AcquiredConns(); n != 1 {
				t.Errorf("%d connections in use", n)
			}
			closed := make(chan struct{})
			go func() { b.pool.Close(); close(closed) }()
			select {
			case <-closed:
				t.Error("the pool was closed before the transaction had ended")
			case <-time.After(50 * time.Millisecond): // long enough to notice
			}
			hit.Release()
			<-closed
		})
	}
}

// TestRule14_WhatMayBeRefusedIsWaitedFor: nothing of this leaves before COMMIT is
// confirmed.
//
// Mutations seen to fail it: each of the conditions left out.
func TestRule14_WhatMayBeRefusedIsWaitedFor(t *testing.T) {
	committed := reading(pgx.ReadCommitted)
	waiting := committed
	waiting.WaitForReads = true
	own := committed
	own.TxOptions.BeginQuery = "begin read only"
	with := func(statements ...string) func(context.Context, pgx.Tx) error {
		return func(ctx context.Context, tx pgx.Tx) error {
			for _, sql := range statements {
				if _, err := tx.Exec(ctx, sql); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for name, tt := range map[string]struct {
		cfg   pgadapter.Config
		write bool
		fn    func(ctx context.Context, tx pgx.Tx) error
	}{
		"the role's level":     {fn: selectOne},
		"SERIALIZABLE":         {cfg: reading(pgx.Serializable), fn: selectOne},
		"not READ ONLY":        {cfg: committed, write: true, fn: selectOne},
		"WaitForReads":         {cfg: waiting, fn: selectOne},
		"a BEGIN of one's own": {cfg: own, fn: selectOne},
		"SET TRANSACTION":      {cfg: committed, fn: with(`set transaction isolation level serializable`, `select 1`)},
		"READ WRITE after all": {cfg: committed, fn: with(`set transaction read write`, `insert into effect values (1)`)},
		"NOTIFY":               {cfg: committed, fn: with(`select 1`, `notify somebody`)},
		"pg_notify":            {cfg: committed, fn: with(`select pg_notify('somebody', '')`)},
		"a function":           {cfg: committed, fn: with(`select set_config('a.b', '1', false)`)},
		"a savepoint": {cfg: committed, fn: func(ctx context.Context, tx pgx.Tx) error {
			return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return selectOne(ctx, tx) })
		}},
		"Conn": {cfg: committed, fn: func(ctx context.Context, tx pgx.Tx) error {
			return errors.Join(selectOne(ctx, tx), tx.Conn().QueryRow(ctx, `select 1`).Scan(new(int)))
		}},
		"a hook": {cfg: committed, fn: func(ctx context.Context, tx pgx.Tx) error {
			txctx.AfterCommit(ctx, func(context.Context) {})
			return selectOne(ctx, tx)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := proxied(t, tt.cfg)
			hit := p.Add(faultproxy.Rule{When: faultproxy.SQL("commit"), Do: faultproxy.Hold})
			done := make(chan error)
			go func() {
				_, err := b.run(txctx.Options{ReadOnly: !tt.write}, tt.fn)
				done <- err
			}()
			<-hit.Fired()
			select {
			case err := <-done:
				t.Errorf("it did not wait for COMMIT: %v", err)
			case <-time.After(20 * time.Millisecond):
				hit.Release()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			hit.Release()
		})
	}
}

// TestRule14_AReadWhoseCommitIsLostHasHappened, and its connection is gone.
func TestRule14_AReadWhoseCommitIsLostHasHappened(t *testing.T) {
	t.Parallel()
	b, p := proxied(t, reading(pgx.ReadCommitted))
	p.DropCancels(true)
	p.Add(faultproxy.Rule{When: faultproxy.SQL("commit"), Do: faultproxy.Drop, Then: faultproxy.CutBoth})
	policy := retryable.Policy{CommitTimeout: 200 * time.Millisecond}
	for range 2 {
		if runs, err := b.run(txctx.Options{ReadOnly: true, Retry: policy}, selectOne); runs != 1 || err != nil {
			t.Errorf("ran %d times, error %v", runs, err)
		}
		dbtest.Within(t, 5*time.Second, "nothing in use", func() bool { return b.pool.Stat().AcquiredConns() == 0 })
	}
}
