package pgadapter_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestASilentConnectionLeavesThePool at once: pgx 5.12 would keep its place for 15 s, in
// the hope of a farewell.
//
// Mutation seen to fail it: leave the closed connection to pgx.
func TestASilentConnectionLeavesThePool(t *testing.T) {
	t.Parallel()
	b, p := newKeyBed(t)
	p.DropCancels(true)
	p.Add(onCommit(faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.BlackHole}))
	if _, err := b.run(txctx.Options{Retry: retryable.Policy{CommitTimeout: 100 * time.Millisecond}}, effect); err != nil {
		t.Fatal(err)
	}
	dbtest.Within(t, 5*time.Second, "its place is free", func() bool { return b.pool.Stat().AcquiredConns() == 0 })
}

// TestTheAttemptsTimeIsUpBetweenStatements, or before the first: pgx refuses the next one,
// and the attempt is replayed like one whose time is up during a statement.
//
// Mutation seen to fail it: no timedOut in judge.
func TestTheAttemptsTimeIsUpBetweenStatements(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		b, _ := newKeyBed(t)
		runs, err := b.run(txctx.Options{Retry: retryable.Policy{AttemptTimeout: 200 * time.Millisecond}}, func(ctx context.Context, tx pgx.Tx) error {
			if !first {
				if _, err := tx.Exec(ctx, `select 1`); err != nil {
					return err
				}
			}
			if txctx.AttemptOf(ctx).Number == 1 {
				<-ctx.Done()
			}
			return effect(ctx, tx)
		})
		if runs != 2 || err != nil || len(b.effects()) != 1 {
			t.Errorf("before the first: %t: ran %d times, error %v, effects %v", first, runs, err, b.effects())
		}
	}
}

// TestTheAttemptsTimeIsUpWithTheConnection: it has just been taken, and pgx sends nothing.
//
// Mutation seen to fail it: no timedOut in begin.
func TestTheAttemptsTimeIsUpWithTheConnection(t *testing.T) {
	t.Parallel()
	var slow atomic.Bool
	b := newBed(t, pgadapter.Config{}, func(c *pgxpool.Config) {
		c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
			if slow.CompareAndSwap(true, false) {
				<-ctx.Done()
			}
			return true, nil
		}
	})
	slow.Store(true)
	runs, err := b.run(txctx.Options{Retry: retryable.Policy{AttemptTimeout: 200 * time.Millisecond}}, effect)
	if runs != 2 || err != nil || len(b.effects()) != 1 {
		t.Errorf("ran %d times, error %v, effects %v", runs, err, b.effects())
	}
}
