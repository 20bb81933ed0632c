package pgadapter_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
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

// TestTheAttemptsTimeIsUpBetweenStatements: pgx refuses the next one, and the attempt is
// replayed like one whose time is up during a statement.
//
// Mutation seen to fail it: no timedOut.
func TestTheAttemptsTimeIsUpBetweenStatements(t *testing.T) {
	t.Parallel()
	b, _ := newKeyBed(t)
	runs, err := b.run(txctx.Options{Retry: retryable.Policy{AttemptTimeout: 200 * time.Millisecond}}, func(ctx context.Context, tx pgx.Tx) error {
		if err := effect(ctx, tx); err != nil {
			return err
		}
		if txctx.AttemptOf(ctx).Number == 1 {
			<-ctx.Done()
		}
		_, err := tx.Exec(ctx, `select 1`)
		return err
	})
	if runs != 2 || err != nil || len(b.effects()) != 1 {
		t.Errorf("ran %d times, error %v, effects %v", runs, err, b.effects())
	}
}
