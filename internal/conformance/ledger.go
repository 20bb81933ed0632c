package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func recording(e Engine) bool { return e.AgeLedger != "" }

var recorded = Options{Ledger: true}

// migrate creates the ledger.
func (b *bed) migrate() {
	b.Helper()
	if err := b.MigrateLedger(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// marks returns how many rows of the ledger there are.
func (b *bed) marks(where string) (n int) {
	b.Helper()
	if err := b.Outside.QueryRow(`select count(*) from ` + ledger.DefaultTable + ` ` + where).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// found is an Options whose observer keeps what was looked up.
func found(into *[]txctx.Outcome) txctx.Options {
	return txctx.Options{Observe: func(_ context.Context, ev txctx.Event) {
		if ev.Kind == txctx.OutcomeLookedUp {
			*into = append(*into, ev.Outcome)
		}
	}}
}

// ledgers: what became of a COMMIT without an answer is found out.
var ledgers = []test{
	{name: "delivered: it counts", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		b.Faults.LoseCommit(true)
		hooks := 0
		var looked []txctx.Outcome
		runs, err := b.run(found(&looked), func(ctx context.Context, tx Tx) error {
			txctx.AfterCommit(ctx, func(context.Context) { hooks++ })
			return b.effect(ctx, tx)
		})
		b.want(runs, err, 1, nil)
		b.wantEffects(1)
		if hooks != 1 || len(looked) != 1 || looked[0] != txctx.Committed || b.marks("where attempt = 1 and not void") != 1 {
			b.Errorf("%d hooks, looked up %v, %d rows", hooks, looked, b.marks(""))
		}
	}},

	{name: "not delivered: replayed", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		b.Faults.LoseCommit(false)
		hooks := 0
		var looked []txctx.Outcome
		runs, err := b.run(found(&looked), func(ctx context.Context, tx Tx) error {
			txctx.AfterCommit(ctx, func(context.Context) { hooks++ })
			return b.effect(ctx, tx)
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
		if hooks != 1 || len(looked) != 1 || looked[0] != txctx.RolledBack ||
			b.marks("where attempt = 1 and void") != 1 || b.marks("where attempt = 2 and not void") != 1 {
			b.Errorf("%d hooks, looked up %v, %d rows", hooks, looked, b.marks(""))
		}
	}},

	{name: "one lost after the other", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if n := txctx.AttemptOf(ctx).Number; n <= 3 {
				b.Faults.LoseCommit(n == 3)
			}
			return b.effect(ctx, tx)
		})
		b.want(runs, err, 3, nil)
		b.wantEffects(3)
	}},

	{name: "a row for who writes alone", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		read := func(ctx context.Context, tx Tx) error { _, err := first(ctx, tx, `select n from counter`); return err }
		for name, tt := range map[string]struct {
			o    txctx.Options
			fn   func(ctx context.Context, tx Tx) error
			want int
		}{
			"a write":            {fn: b.effect, want: 1},
			"a read":             {fn: read},
			"READ ONLY":          {o: txctx.Options{ReadOnly: true}, fn: read},
			"nothing":            {fn: func(context.Context, Tx) error { return nil }},
			"a failure":          {fn: func(ctx context.Context, tx Tx) error { return errors.Join(b.effect(ctx, tx), errBoom) }},
			"a rollback on wish": {fn: func(ctx context.Context, tx Tx) error { txctx.Rollback(ctx); return b.effect(ctx, tx) }},
			"a savepoint that is kept": {fn: func(ctx context.Context, tx Tx) error {
				return tx.Savepoint(ctx, func(tx Tx) error { return b.effect(ctx, tx) })
			}, want: 1},
		} {
			before := b.marks("")
			_, _ = b.run(tt.o, tt.fn)
			if got := b.marks("") - before; got != tt.want {
				b.Errorf("%s: %d rows, want %d", name, got, tt.want)
			}
		}
	}},

	{name: "who only read is replayed", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		b.Faults.LoseCommit(true)
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			_, err := first(ctx, tx, `select n from counter where id = 1`)
			return err
		})
		b.want(runs, err, 2, nil)
	}},

	{name: "delivered, it waits for a database that is away", needs: recording, options: recorded, run: func(b *bed) {
		b.away(true, 1)
	}},

	{name: "not delivered, it waits for a database that is away", needs: recording, options: recorded, run: func(b *bed) {
		b.away(false, 2)
	}},

	{name: "and gives up in time", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		o := txctx.Options{Retry: retryable.Policy{ResolveFor: 100 * time.Millisecond}}
		runs, err := b.run(o, func(ctx context.Context, tx Tx) error {
			err := b.effect(ctx, tx)
			b.Faults.LoseCommit(true)
			b.Faults.Refuse(true)
			return err
		})
		b.Faults.Refuse(false)
		if _, unknown := errors.AsType[*txctx.OutcomeUnknownError](err); runs != 1 || !unknown || errors.Is(err, retryable.ErrRetry) {
			b.Errorf("ran %d times, error %v", runs, err)
		}
	}},

	{name: "without its table nothing is committed", needs: recording, options: recorded, run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, b.effect)
		if runs != 1 || err == nil || !strings.Contains(err.Error(), ledger.DefaultTable) {
			b.Errorf("ran %d times, error %v", runs, err)
		}
		b.wantEffects()
		var wg sync.WaitGroup
		for range 4 { // servers that start together
			wg.Go(func() {
				if err := b.MigrateLedger(context.Background()); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		for want := 1; want <= 3; want++ { // the connections are as they were
			runs, err = b.run(txctx.Options{}, b.effect)
			b.want(runs, err, 1, nil)
		}
		b.wantEffects(1, 1, 1)
	}},

	{name: "a table that vanishes leaves it unknown", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			err := b.effect(ctx, tx)
			b.Faults.LoseCommit(true)
			b.Faults.Refuse(true)
			time.AfterFunc(50*time.Millisecond, func() {
				defer b.Faults.Refuse(false)
				if _, err := b.Outside.Exec(`drop table ` + ledger.DefaultTable); err != nil {
					b.Error(err)
				}
			})
			return err
		})
		if _, unknown := errors.AsType[*txctx.OutcomeUnknownError](err); runs != 1 || !unknown ||
			errors.Is(err, retryable.ErrRetry) || !strings.Contains(err.Error(), ledger.DefaultTable) {
			b.Errorf("ran %d times, error %v", runs, err)
		}
	}},

	{name: "purging keeps what is young", needs: recording, options: recorded, run: func(b *bed) {
		b.migrate()
		const old = 12
		for range old {
			if _, err := b.run(txctx.Options{}, b.effect); err != nil {
				b.Fatal(err)
			}
		}
		b.manyMarks()
		all := b.marks("")
		b.outside(b.engine.AgeLedger)
		if _, err := b.run(txctx.Options{}, b.effect); err != nil {
			b.Fatal(err)
		}
		n, err := b.PurgeLedger(context.Background())
		if n != int64(all) || n <= ledger.PurgeBatch || err != nil || b.marks("") != 1 {
			b.Errorf("%d of %d deleted, error %v, %d left", n, all, err, b.marks(""))
		}
		if n, err := b.PurgeLedger(context.Background()); n != 0 || err != nil {
			b.Errorf("%d more deleted, error %v", n, err)
		}
	}},

	{name: "nobody is unsure, whatever happens", needs: recording, options: recorded, run: func(b *bed) {
		const clients, each = 6, 30
		b.migrate()
		o := txctx.Options{Retry: retryable.Policy{
			MaxRetries: retryable.Unlimited, RetryFor: time.Minute, ResolveFor: 30 * time.Second,
		}}
		var looked [3]atomic.Int64
		o.Observe = func(_ context.Context, ev txctx.Event) {
			if ev.Kind == txctx.OutcomeLookedUp {
				looked[ev.Outcome].Add(1)
			}
		}
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for range each {
					if _, err := b.run(o, func(ctx context.Context, tx Tx) error {
						if rand.IntN(4) == 0 {
							b.Faults.LoseCommit(rand.IntN(2) == 0)
						}
						return tx.Exec(ctx, writeRow)
					}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		b.cutUntil(done)
		b.wantCounter(clients * each)
		if looked[txctx.Committed].Load() == 0 || looked[txctx.RolledBack].Load() == 0 {
			b.Errorf("looked up: %d committed, %d rolled back", looked[txctx.Committed].Load(), looked[txctx.RolledBack].Load())
		}
		b.Logf("looked up: %d committed, %d rolled back", looked[txctx.Committed].Load(), looked[txctx.RolledBack].Load())
	}},
}

// away takes the database away for a while together with the answer to COMMIT.
func (b *bed) away(delivered bool, wantRuns int) {
	b.Helper()
	const while = 200 * time.Millisecond
	b.migrate()
	var back time.Time
	o := txctx.Options{Retry: retryable.Policy{MaxRetries: 1}} // it is not the replays that wait
	runs, err := b.run(o, func(ctx context.Context, tx Tx) error {
		err := b.effect(ctx, tx)
		if txctx.AttemptOf(ctx).Number == 1 {
			b.Faults.LoseCommit(delivered)
			b.Faults.Refuse(true)
			back = time.Now().Add(while)
			time.AfterFunc(while, func() { b.Faults.Refuse(false) })
		}
		return err
	})
	b.want(runs, err, wantRuns, nil)
	b.wantEffects(wantRuns)
	if time.Now().Before(back) {
		b.Error("it was never away")
	}
}

// manyMarks doubles the rows of the ledger until they are more than one batch.
func (b *bed) manyMarks() {
	b.Helper()
	for shift := 1; b.marks("") <= ledger.PurgeBatch; shift *= 2 {
		b.outside(fmt.Sprintf(`insert into %[1]s (run, attempt) select run, attempt + %[2]d from %[1]s`, ledger.DefaultTable, shift))
	}
}
