package conformance

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// losses: connections that die, and servers that are gone.
var losses = []test{
	{name: "idle: the dead cost no attempt", run: func(b *bed) {
		b.fill(4)
		b.Faults.CutAll()
		for range 4 {
			runs, err := b.run(noReplay, b.effect)
			b.want(runs, err, 1, nil)
		}
		b.wantEffects(1, 1, 1, 1)
	}},

	{name: "between two statements: replayed", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			if txctx.AttemptOf(ctx).Number == 1 {
				b.Faults.CutAll()
				err, again := b.effect(ctx, tx), b.effect(ctx, tx)
				if retryable.ReasonOf(err) != retryable.Disconnected || !errors.Is(again, err) {
					b.Errorf("first %v, then %v", err, again)
				}
			}
			return nil // swallowed
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},

	{name: "in the middle of rows: replayed", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			if txctx.AttemptOf(ctx).Number > 1 {
				return nil
			}
			// More than fits into the buffers on the way.
			query := `select a.id from ` + many
			_ = tx.Each(ctx, query, func(int) error { b.Faults.CutAll(); return nil }) // swallowed
			return nil
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},

	{name: "before COMMIT: replayed", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			if txctx.AttemptOf(ctx).Number == 1 {
				b.Faults.CutAll()
			}
			return nil
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},

	{name: "while it is down every attempt is Disconnected", run: func(b *bed) {
		b.fill(1)
		b.Faults.Refuse(true)
		b.Faults.CutAll()
		runs, err := b.run(txctx.Options{Retry: retryable.Policy{MaxRetries: 2}}, b.effect)
		if runs != 3 || exhausted(err) != retryable.Disconnected {
			b.Errorf("ran %d times, error %v", runs, err)
		}
		b.Faults.Refuse(false)
		runs, err = b.run(txctx.Options{}, b.effect)
		b.want(runs, err, 1, nil)
		b.wantEffects(1)
	}},

	{name: "ConnectWait waits for it", run: func(b *bed) {
		b.Faults.Refuse(true)
		defer time.AfterFunc(100*time.Millisecond, func() { b.Faults.Refuse(false) }).Stop()
		runs, err := b.run(txctx.Options{Retry: retryable.Persistent()}, b.effect)
		b.want(runs, err, 1, nil)
		b.wantEffects(1)
	}},
}

// many is what yields a great many rows of two.
const many = `counter a, counter b, counter c, counter d, counter e, counter f, counter g, counter h,
	counter i, counter j, counter k, counter l, counter m, counter o, counter p, counter q, counter r, counter s`

// fill makes n connections and leaves them idle.
func (b *bed) fill(n int) {
	b.Helper()
	var meet, wg sync.WaitGroup
	meet.Add(n)
	for range n {
		wg.Go(func() {
			_, err := b.run(txctx.Options{ReadOnly: true}, func(ctx context.Context, tx Tx) error {
				_, err := first(ctx, tx, `select n from counter where id = 1`)
				meet.Done()
				meet.Wait()
				return err
			})
			if err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}

// cutUntil cuts all connections again and again.
func (b *bed) cutUntil(done <-chan struct{}) {
	ticker := time.NewTicker(30 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			b.Faults.CutAll()
		}
	}
}
