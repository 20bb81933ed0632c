package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// pools: connections are taken late, given back always, and may run out.
var pools = []test{
	{name: "who does not ask takes no connection", run: func(b *bed) {
		sent := b.Faults.Sent()
		err := txctx.Run(context.Background(), b.DB, txctx.Options{}, func(ctx context.Context) error {
			if n := b.InUse(); n != 0 {
				b.Errorf("%d connections in use", n)
			}
			return nil
		})
		if n := b.Faults.Sent() - sent; err != nil || n != 0 {
			b.Errorf("%d statements, error %v", n, err)
		}
	}},

	{name: "an empty pool is Overloaded", options: Options{Conns: 1}, run: func(b *bed) {
		hold, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := b.run(txctx.Options{ReadOnly: true}, func(ctx context.Context, tx Tx) error {
				_, err := first(ctx, tx, `select n from counter where id = 1`)
				close(hold)
				<-release
				return err
			})
			if err != nil {
				b.Error(err)
			}
		})
		<-hold
		o := txctx.Options{Retry: retryable.Policy{AcquireTimeout: 20 * time.Millisecond}}
		runs, err := b.run(o, func(ctx context.Context, tx Tx) error {
			err := b.effect(ctx, tx)
			if txctx.AttemptOf(ctx).Number == 1 {
				if retryable.ReasonOf(err) != retryable.Overloaded {
					b.Errorf("%v", err)
				}
				close(release)
				b.eventually("the connection is back", func() bool { return b.InUse() == 0 })
			}
			return nil // swallowed
		})
		wg.Wait()
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},

	{name: "a crowd shares it", options: Options{Conns: 2}, run: func(b *bed) {
		const clients, each = 8, 10
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for range each {
					if _, err := b.run(txctx.Options{}, b.effect); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := len(b.effects()); n != clients*each {
			b.Errorf("%d effects of %d", n, clients*each)
		}
	}},
}
