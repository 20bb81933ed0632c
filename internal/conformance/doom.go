package conformance

import (
	"context"
	"errors"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// doom asks for a replay.
func (b *bed) doom(context.Context) error { return retryable.Mark(errBoom) }

// stale is set up so that writing row 1 is refused: tx has read it, and somebody else
// has written it since.
func (b *bed) stale(ctx context.Context, tx Tx) error {
	if _, err := first(ctx, tx, `select n from counter where id = 1`); err != nil {
		return err
	}
	b.outside(`update counter set n = n + 10 where id = 1`)
	return nil
}

const writeRow = `update counter set n = n + 1 where id = 1`

// dooms: an error of the database with a reason is the end of the attempt, whoever
// sees it.
var dooms = []test{
	{name: "a refused write is replayed", options: refusing, run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.early(ctx, tx); err != nil {
				return err
			}
			return b.refuseFirst(ctx, tx)
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
		b.wantCounter(11)
	}},

	{name: "a swallowed error dooms all the same", options: refusing, run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			_ = b.early(ctx, tx)
			_ = b.refuseFirst(ctx, tx)
			for range 3 { // some servers would run these in autocommit
				_ = b.effect(ctx, tx)
			}
			return nil
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2, 2, 2, 2)
	}},

	{name: "so does one that a panic buries", options: refusing, run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.refuseFirst(ctx, tx); err != nil {
				panic("no idea what to do")
			}
			return b.effect(ctx, tx)
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},

	{name: "a doomed transaction refuses without I/O", options: refusing, run: func(b *bed) {
		reached := false // a panic in a doomed attempt is discarded with it
		_, err := b.run(noReplay, func(ctx context.Context, tx Tx) error {
			doom := b.refuseFirst(ctx, tx)
			if retryable.ReasonOf(doom) != retryable.Serialization {
				b.Errorf("the first error is %v", doom)
			}
			sent := b.Faults.Sent()
			_, each := first(ctx, tx, `select n from counter where id = 2`)
			for name, err := range map[string]error{
				"Exec":            tx.Exec(ctx, writeRow),
				"with parameters": b.effect(ctx, tx),
				"Query":           each,
				"Savepoint":       tx.Savepoint(ctx, func(Tx) error { b.Error("the savepoint began"); return nil }),
			} {
				if !errors.Is(err, doom) || !errors.Is(err, retryable.ErrRetry) {
					b.Errorf("%s: %v, want the error that doomed it", name, err)
				}
			}
			if n := b.Faults.Sent() - sent; n != 0 {
				b.Errorf("%d statements were sent", n)
			}
			reached = true
			return nil
		})
		if !reached || exhausted(err) != retryable.Serialization {
			b.Errorf("reached the end: %v, error %v", reached, err)
		}
		b.wantEffects()
	}},

	{name: "the program's own errors are not replayed", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			return tx.Exec(ctx, `insert into counter values (1, 0)`)
		})
		if runs != 1 || err == nil || retryable.ReasonOf(err) != retryable.None {
			b.Errorf("ran %d times, error %v", runs, err)
		}
		b.wantEffects()
	}},

	{name: "nor do they become a success where the database failed the transaction", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			_ = tx.Exec(ctx, `insert into counter values (1, 0)`) // swallowed
			return nil
		})
		if runs != 1 || (err != nil) != b.engine.FailsWhole {
			b.Errorf("ran %d times, error %v", runs, err)
		}
		if b.engine.FailsWhole {
			b.wantEffects()
		} else {
			b.wantEffects(1)
		}
	}},

	{name: "Fail refuses what comes after it", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			txctx.Fail(ctx, errBoom)
			if err := b.effect(ctx, tx); !errors.Is(err, errBoom) {
				b.Errorf("a statement after Fail: %v", err)
			}
			return nil
		})
		b.want(runs, err, 1, errBoom)
		b.wantEffects()
	}},
}

// refusing is for tests with refuseFirst.
var refusing = Options{Isolation: repeatableRead}

// refuseFirst has the database refuse a write of attempt 1, and returns its error.
func (b *bed) refuseFirst(ctx context.Context, tx Tx) error {
	if txctx.AttemptOf(ctx).Number == 1 {
		if err := b.stale(ctx, tx); err != nil {
			b.Error(err)
		}
	}
	return tx.Exec(ctx, writeRow)
}

// early is an effect before refuseFirst. With one writer nobody else could make the
// row stale after it.
func (b *bed) early(ctx context.Context, tx Tx) error {
	if b.engine.OneWriter && txctx.AttemptOf(ctx).Number == 1 {
		return nil
	}
	return b.effect(ctx, tx)
}

func (b *bed) wantCounter(want int) {
	b.Helper()
	var n int
	if err := b.Outside.QueryRow(`select n from counter where id = 1`).Scan(&n); err != nil || n != want {
		b.Errorf("the counter is %d, want %d, error %v", n, want, err)
	}
}
