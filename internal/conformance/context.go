package conformance

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// contexts: what the end of a context does, and what the end of an attempt does to
// those who did not expect it.
var contexts = []test{
	{name: "outside an attempt there is no transaction", run: func(b *bed) {
		ctx := context.Background()
		if _, ok := b.From(ctx); ok {
			b.Error("a transaction out of nothing")
		}
		for name, try := range map[string]func(Tx) error{
			"Exec":     func(tx Tx) error { return b.effect(ctx, tx) },
			"Query":    func(tx Tx) error { _, err := first(ctx, tx, `select n from counter`); return err },
			"Commit":   func(tx Tx) error { return tx.Commit(ctx) },
			"Rollback": func(tx Tx) error { return tx.Rollback(ctx) },
		} {
			if err := try(b.Tx(ctx)); !errors.Is(err, txctx.ErrNoTransaction) {
				b.Errorf("%s: %v", name, err)
			}
		}
	}},

	{name: "a request that is cancelled between two statements is rolled back", run: func(b *bed) {
		why := errors.New("the client has left")
		ctx, cancel := context.WithCancelCause(context.Background())
		runs, err := b.runUnder(ctx, txctx.Options{}, func(ctx context.Context, tx Tx) error {
			err := b.effect(ctx, tx)
			cancel(why)
			return err
		})
		b.want(runs, err, 1, why)
		b.wantEffects()
	}},

	{name: "a request that is cancelled in the middle of a statement is rolled back", run: func(b *bed) {
		why := errors.New("the client has left")
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		runs, err := b.runUnder(ctx, txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := errors.Join(b.effect(ctx, tx), tx.Exec(ctx, writeRow)); err != nil {
				return err
			}
			defer time.AfterFunc(50*time.Millisecond, func() { cancel(why) }).Stop()
			_, err := first(ctx, tx, b.engine.Slow)
			return err
		})
		b.want(runs, err, 1, why)
		b.wantEffects()
	}},

	{name: "a statement whose own context ends fails the attempt, once", run: func(b *bed) {
		why := errors.New("lost patience")
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			short, cancel := context.WithTimeoutCause(ctx, 50*time.Millisecond, why)
			defer cancel()
			_, slow := first(short, tx, b.engine.Slow)
			if then := b.effect(ctx, tx); !errors.Is(slow, why) || !errors.Is(then, why) {
				b.Errorf("first %v, then %v", slow, then)
			}
			return nil // swallowed
		})
		b.want(runs, err, 1, why)
		b.wantEffects()
	}},

	{name: "an attempt beyond its time is a loss", run: func(b *bed) {
		o := txctx.Options{Retry: retryable.Policy{AttemptTimeout: 100 * time.Millisecond}}
		runs, err := b.run(o, func(ctx context.Context, tx Tx) error {
			if txctx.AttemptOf(ctx).Number > 1 {
				return nil
			}
			_, err := first(ctx, tx, b.engine.Slow)
			if retryable.ReasonOf(err) != retryable.Disconnected {
				b.Errorf("%v", err)
			}
			return err
		})
		b.want(runs, err, 2, nil)
	}},

	{name: "a goroutine that kept the transaction is refused", run: func(b *bed) {
		var stale Tx
		var staleCtx context.Context
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if txctx.AttemptOf(ctx).Number == 1 {
				stale, staleCtx = tx, context.WithoutCancel(ctx)
				return errors.Join(b.effect(ctx, tx), b.doom(ctx))
			}
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			if err := b.effect(staleCtx, stale); err == nil {
				b.Error("the old transaction took a statement")
			}
			if err := b.effect(staleCtx, b.Tx(staleCtx)); !errors.Is(err, txctx.ErrAttemptOver) {
				b.Errorf("the old context: %v", err)
			}
			return nil
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},

	{name: "and cut off in the middle of a statement", run: func(b *bed) {
		var wg sync.WaitGroup
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if txctx.AttemptOf(ctx).Number > 1 {
				return b.effect(ctx, tx)
			}
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			sent := b.Faults.Sent()
			wg.Go(func() {
				if _, err := first(context.WithoutCancel(ctx), tx, b.engine.Slow); err == nil {
					b.Error("the statement came to its end")
				}
			})
			b.eventually("the statement is sent", func() bool { return b.Faults.Sent() > sent })
			return b.doom(ctx)
		})
		wg.Wait()
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},
}
