package conformance

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

const repeatableRead = sql.LevelRepeatableRead

// conflicts: what runs at the same time ends as if it had not.
var conflicts = []test{
	{name: "write skew", run: func(b *bed) {
		// Two are on call, and each goes home if the other stays.
		b.outside(`update counter set n = 1`)
		var meet sync.WaitGroup
		meet.Add(2)
		var wg sync.WaitGroup
		var replays atomic.Int64
		for id := 1; id <= 2; id++ {
			wg.Go(func() {
				runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
					onCall, err := first(ctx, tx, `select sum(n) from counter`)
					if err != nil {
						return err
					}
					if txctx.AttemptOf(ctx).Number == 1 && !b.engine.OneWriter {
						meet.Done()
						meet.Wait()
					}
					if onCall < 2 {
						return nil
					}
					return tx.Exec(ctx, fmt.Sprintf(`update counter set n = 0 where id = %d`, id))
				})
				if err != nil {
					b.Error(err)
				}
				replays.Add(int64(runs - 1))
			})
		}
		wg.Wait()
		var onCall int
		if err := b.Outside.QueryRow(`select sum(n) from counter`).Scan(&onCall); err != nil || onCall != 1 {
			b.Errorf("%d on call, error %v", onCall, err)
		}
		if !b.engine.OneWriter && replays.Load() == 0 {
			b.Error("nobody was replayed")
		}
	}},

	{name: "no update is lost", run: func(b *bed) {
		const clients, each = 6, 5
		lanes := new(txctx.Lanes)
		o := txctx.Options{Lanes: lanes, Lane: func() string { return "counter" }}
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for range each {
					_, err := b.run(o, func(ctx context.Context, tx Tx) error {
						n, err := first(ctx, tx, `select n from counter where id = 1`)
						if err != nil {
							return err
						}
						return tx.Exec(ctx, b.bind(`update counter set n = ? where id = 1`), n+1)
					})
					if err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		b.wantCounter(clients * each)
	}},

	{name: "nor with connections cut all the time", run: func(b *bed) {
		const clients, each = 6, 20
		var wg sync.WaitGroup
		var sure, unsure atomic.Int64
		for range clients {
			wg.Go(func() {
				for range each {
					_, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
						n, err := first(ctx, tx, `select n from counter where id = 1`)
						if err != nil {
							return err
						}
						return tx.Exec(ctx, b.bind(`update counter set n = ? where id = 1`), n+1)
					})
					switch {
					case err == nil:
						sure.Add(1)
					case exhausted(err) != retryable.None: // rolled back, for certain
					default:
						unsure.Add(1)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		b.cutUntil(done)
		var n int64
		if err := b.Outside.QueryRow(`select n from counter where id = 1`).Scan(&n); err != nil {
			b.Fatal(err)
		}
		if n < sure.Load() || n > sure.Load()+unsure.Load() || sure.Load() == 0 {
			b.Errorf("the counter is %d after %d that succeeded and %d unknown", n, sure.Load(), unsure.Load())
		}
	}},
}
