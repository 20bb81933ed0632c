package conformance

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func (b *bed) storedAnswer() {
	b.Helper()
	b.migrate()
	for key := range byte(3) {
		c := &call{key: key}
		b.do(c, b.effect)
		b.wantRan(c, 1)
	}
	for key := range byte(3) {
		b.again(key)
		b.again(key) // the connection is clean
	}
	b.wantEffects(1, 1, 1)
	runs, err := b.run(txctx.Options{}, b.effect)
	b.want(runs, err, 1, nil)
}

func (b *bed) waited() {
	b.Helper()
	b.migrate()
	holder, second := &call{key: 1}, &call{key: 1, wait: patience}
	b.follow(second, b.hold(holder, nil))
	b.wantRan(holder, 1)
	b.wantStored(second)
	b.wantEffects(1)
}

// fifty runs with one key at the same time: one takes place, and the others get its
// answer, or are told to come again.
func (b *bed) fifty(wait time.Duration) {
	b.Helper()
	b.migrate()
	var wg sync.WaitGroup
	var ran, stored, inUse, exhaustedRuns atomic.Int64
	for range 50 {
		wg.Go(func() {
			c := &call{key: 1, wait: wait}
			b.do(c, b.effect)
			switch {
			case c.stored != nil:
				b.wantStored(c)
				stored.Add(1)
			case c.err == nil:
				ran.Add(1)
			case errors.Is(c.err, txctx.ErrKeyInUse):
				inUse.Add(1)
			case exhausted(c.err) != retryable.None:
				exhaustedRuns.Add(1)
			default:
				b.Errorf("ran %d times, error %v", c.runs, c.err)
			}
		})
	}
	wg.Wait()
	b.Logf("%d ran, %d stored, %d in use, %d exhausted", ran.Load(), stored.Load(), inUse.Load(), exhaustedRuns.Load())
	if ran.Load() != 1 || len(b.effects()) != 1 || b.marks("where key_hash is not null") != 1 {
		b.Errorf("%d ran, effects %v, %d rows", ran.Load(), b.effects(), b.marks("where key_hash is not null"))
	}
	b.again(1)
}

// onceWhateverHappens has every key come three times at the same time, and again until
// it is answered, while connections and answers are lost.
func (b *bed) onceWhateverHappens() {
	b.Helper()
	const keys, each = 40, 3
	b.migrate()
	o := txctx.Options{Retry: retryable.Policy{
		MaxRetries: retryable.Unlimited, RetryFor: time.Minute, ResolveFor: 30 * time.Second,
	}}
	var ran, stored atomic.Int64
	var wg sync.WaitGroup
	for range each {
		wg.Go(func() {
			for key := range byte(keys) {
				for {
					c := &call{key: key, wait: time.Second, o: o}
					b.do(c, func(ctx context.Context, tx Tx) error {
						if rand.IntN(4) == 0 {
							b.Faults.LoseCommit(rand.IntN(2) == 0)
						}
						return tx.Exec(ctx, writeRow)
					})
					if errors.Is(c.err, txctx.ErrKeyInUse) {
						continue
					}
					switch {
					case c.err != nil:
						b.Errorf("key %d: %v", key, c.err)
					case c.stored != nil:
						stored.Add(1)
					default:
						ran.Add(1)
					}
					break
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	b.cutUntil(done)
	b.wantCounter(keys)
	if ran.Load() != keys || stored.Load() != keys*(each-1) || b.marks("where key_hash is not null") != keys {
		b.Errorf("%d ran, %d stored, %d rows", ran.Load(), stored.Load(), b.marks("where key_hash is not null"))
	}
}
