package conformance

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// keys: what has a key takes place once.
var keys = []test{
	{name: "the second gets the answer of the first", needs: recording, options: recorded, run: func(b *bed) { b.storedAnswer() }},

	{name: "also where snapshots are kept", needs: recording, options: recordedSnapshot, run: func(b *bed) { b.storedAnswer() }},

	{name: "who only reads has an answer, too", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		c := &call{key: 1}
		b.do(c, func(ctx context.Context, tx Tx) error { _, err := first(ctx, tx, `select n from counter`); return err })
		b.wantRan(c, 1)
		b.again(1)
	}},

	{name: "something else is refused", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		b.do(&call{key: 1}, b.effect)
		other := &call{key: 1, use: 1}
		b.do(other, b.effect)
		b.want(other.runs, other.err, 0, txctx.ErrKeyReused)
		b.again(1)
		b.wantEffects(1)
	}},

	{name: "while it is in use", needs: atRows, options: recorded, run: func(b *bed) {
		b.migrate()
		holder, second, stranger := &call{key: 1}, &call{key: 1}, &call{key: 2}
		let := b.hold(holder, nil)
		b.do(second, b.effect)
		b.want(second.runs, second.err, 0, txctx.ErrKeyInUse)
		b.do(stranger, b.effect)
		b.wantRan(stranger, 1)
		runs, err := b.run(txctx.Options{}, b.effect) // without a key
		b.want(runs, err, 1, nil)
		let()
		b.wantRan(holder, 1)
		b.again(1)
		b.wantEffects(1, 1, 1)
	}},

	{name: "it is waited for", needs: recording, options: recorded, run: func(b *bed) { b.waited() }},

	{name: "also with a snapshot", needs: recording, options: recordedSnapshot, run: func(b *bed) { b.waited() }},

	{name: "and is had if it is rolled back", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		holder, second := &call{key: 1}, &call{key: 1, wait: patience}
		b.follow(second, b.hold(holder, errBoom))
		b.want(holder.runs, holder.err, 1, errBoom)
		b.wantRan(second, 1)
		b.again(1)
		b.wantEffects(1)
	}},

	{name: "by one of those who wait", needs: atRows, options: Options{Ledger: true, Conns: 12}, run: func(b *bed) {
		b.migrate()
		let := b.hold(&call{key: 1}, errBoom)
		sent := b.Faults.Sent()
		var wg sync.WaitGroup
		var ran, stored atomic.Int64
		const followers = 8
		for range followers {
			wg.Go(func() {
				c := &call{key: 1, wait: patience}
				if b.do(c, b.effect); c.err != nil {
					b.Errorf("ran %d times, error %v", c.runs, c.err)
				} else if c.stored != nil {
					stored.Add(1)
				} else {
					ran.Add(1)
				}
			})
		}
		b.eventually("the others have begun", func() bool { return b.Faults.Sent() >= sent+2*followers })
		let()
		wg.Wait()
		if ran.Load() != 1 || stored.Load() != followers-1 {
			b.Errorf("%d ran, %d stored", ran.Load(), stored.Load())
		}
		if n := len(b.effects()); n != 1 {
			b.Errorf("%d effects", n)
		}
		b.again(1)
	}},

	{name: "what was rolled back is free at once", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		for name, fn := range map[string]func(ctx context.Context, tx Tx) error{
			"failed":  func(ctx context.Context, tx Tx) error { return errors.Join(b.effect(ctx, tx), errBoom) },
			"on wish": func(ctx context.Context, tx Tx) error { txctx.Rollback(ctx); return b.effect(ctx, tx) },
		} {
			c := &call{key: 1}
			if b.do(c, fn); c.runs != 1 || c.stored != nil || b.marks("") != 0 {
				b.Errorf("%s: ran %d times, error %v, %d rows", name, c.runs, c.err, b.marks(""))
			}
		}
		c := &call{key: 1}
		b.do(c, b.effect)
		b.wantRan(c, 1)
		b.wantEffects(1)
	}},

	{name: "a replay claims it again", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		for key, doom := range []func(){func() {}, b.Faults.CutAll} {
			c := &call{key: byte(key)}
			b.do(c, func(ctx context.Context, tx Tx) error {
				err := b.effect(ctx, tx)
				if txctx.AttemptOf(ctx).Number == 1 {
					doom()
					return retryable.Mark(errBoom)
				}
				return err
			})
			b.wantRan(c, 2)
			b.again(c.key)
		}
		if n := b.marks("where attempt = 2 and key_hash is not null and not void"); n != 2 || b.marks("") != 2 {
			b.Errorf("%d rows of %d", n, b.marks(""))
		}
		b.wantEffects(2, 2)
	}},

	{name: "COMMIT delivered", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		b.Faults.LoseCommit(true)
		c := &call{key: 1}
		b.do(c, b.effect)
		b.wantRan(c, 1)
		b.again(1)
		b.wantEffects(1)
	}},

	{name: "COMMIT not delivered", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		b.Faults.LoseCommit(false)
		c := &call{key: 1}
		b.do(c, b.effect)
		b.wantRan(c, 2)
		b.again(1)
		b.wantEffects(2)
		if b.marks("where void and key_hash is null") != 1 || b.marks("") != 2 {
			b.Errorf("%d rows", b.marks(""))
		}
	}},

	{name: "what nobody could tell, the next one finds", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		c := &call{key: 1, o: txctx.Options{Retry: retryable.Policy{ResolveFor: 100 * time.Millisecond}}}
		b.do(c, func(ctx context.Context, tx Tx) error {
			err := b.effect(ctx, tx)
			b.Faults.LoseCommit(true)
			b.Faults.Refuse(true)
			return err
		})
		b.Faults.Refuse(false)
		if e, unknown := errors.AsType[*txctx.OutcomeUnknownError](c.err); c.runs != 1 || !unknown || !e.Keyed {
			b.Errorf("ran %d times, error %v", c.runs, c.err)
		}
		b.again(1)
		b.wantEffects(1)
	}},

	{name: "purged, it runs again", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		b.do(&call{key: 1}, b.effect)
		b.outside(b.engine.AgeLedger)
		b.do(&call{key: 2}, b.effect)
		if n, err := b.PurgeLedger(context.Background()); n != 1 || err != nil {
			b.Errorf("%d deleted, error %v", n, err)
		}
		b.again(2)
		c := &call{key: 1}
		b.do(c, b.effect)
		b.wantRan(c, 1)
		b.wantEffects(1, 1, 1)
	}},

	{name: "without its table nothing runs", needs: recording, options: recorded, run: func(b *bed) {
		c := &call{key: 1}
		if b.do(c, b.effect); c.runs != 0 || c.err == nil || retryable.ReasonOf(c.err) != retryable.None {
			b.Errorf("ran %d times, error %v", c.runs, c.err)
		}
		b.migrate()
		b.do(c, b.effect)
		b.wantRan(c, 1)
	}},

	{name: "strangers are not in each other's way", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		var wg sync.WaitGroup
		for client := range 8 {
			wg.Go(func() {
				for n := range 20 {
					c := &call{key: byte(client*20 + n)}
					if b.do(c, b.effect); c.runs == 0 || c.err != nil { // SERIALIZABLE may replay
						b.Errorf("key %d ran %d times, error %v, stored %v", c.key, c.runs, c.err, c.stored)
					}
				}
			})
		}
		wg.Wait()
	}},

	{name: "fifty at once", needs: recording, options: Options{Ledger: true, Conns: 12}, run: func(b *bed) { b.fifty(0) }},

	{name: "fifty that wait", needs: recording, options: recordedSnapshot, run: func(b *bed) { b.fifty(patience) }},

	{name: "once, whatever happens", needs: recording, options: recorded, run: func(b *bed) { b.onceWhateverHappens() }},
}
