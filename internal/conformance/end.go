package conformance

import (
	"context"
	"errors"
	"runtime"

	"github.com/reprise-go/reprise/txctx"
)

// endings: what becomes of an attempt that nothing went wrong with, and who may end
// it.
var endings = []test{
	{name: "nil commits", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, b.effect)
		b.want(runs, err, 1, nil)
		b.wantEffects(1)
	}},

	{name: "an error rolls back", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			return errors.Join(b.effect(ctx, tx), errBoom)
		})
		b.want(runs, err, 1, errBoom)
		b.wantEffects()
	}},

	{name: "a panic rolls back and goes on", run: func(b *bed) {
		defer func() {
			if v := recover(); v != errBoom { //nolint:errorlint // the same value
				b.Errorf("recovered %v", v)
			}
			b.wantEffects()
		}()
		_, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			panic(errBoom)
		})
		b.Errorf("no panic, error %v", err)
	}},

	{name: "Goexit rolls back", run: func(b *bed) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
				if err := b.effect(ctx, tx); err != nil {
					b.Error(err)
				}
				runtime.Goexit()
				return nil
			})
		}()
		<-done
		b.wantEffects()
	}},

	{name: "Rollback keeps the result", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			txctx.Rollback(ctx)
			return b.effect(ctx, tx)
		})
		b.want(runs, err, 1, nil)
		b.wantEffects()
	}},

	{name: "hooks run once, in order, with the connection back", run: func(b *bed) {
		var got []int
		hook := func(n int) func(context.Context) {
			return func(ctx context.Context) {
				if b.InUse() != 0 {
					b.Errorf("hook %d: the connection is not back", n)
				}
				if _, ok := b.From(ctx); ok {
					b.Errorf("hook %d is in a transaction", n)
				}
				got = append(got, n)
			}
		}
		_, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if txctx.AttemptOf(ctx).Number == 1 {
				txctx.AfterCommit(ctx, hook(100))
				return b.doom(ctx)
			}
			txctx.AfterCommit(ctx, hook(1))
			txctx.AfterCommit(ctx, hook(2))
			return b.effect(ctx, tx)
		})
		if err != nil || len(got) != 2 || got[0] != 1 || got[1] != 2 {
			b.Errorf("hooks %v, error %v", got, err)
		}
	}},

	{name: "Commit and Rollback are not the handler's", run: func(b *bed) {
		for name, end := range map[string]func(Tx, context.Context) error{"Commit": Tx.Commit, "Rollback": Tx.Rollback} {
			runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
				if err := b.effect(ctx, tx); err != nil {
					return err
				}
				if err := end(tx, ctx); !errors.Is(err, txctx.ErrManaged) {
					b.Errorf("%s: %v", name, err)
				}
				return errBoom
			})
			if runs != 1 || err == nil {
				b.Errorf("%s: ran %d times, error %v", name, runs, err)
			}
		}
		b.wantEffects()
	}},

	{name: "COMMIT and ROLLBACK as text fail the attempt", run: func(b *bed) {
		for _, text := range []string{`commit`, ` /* mine */ ROLLBACK`, `select 1; commit`, `select 1; rollback; select 2`} {
			runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
				_ = tx.Exec(ctx, text) // swallowed
				return b.effect(ctx, tx)
			})
			if runs != 1 || !errors.Is(err, txctx.ErrManaged) {
				b.Errorf("%q: ran %d times, error %v", text, runs, err)
			}
		}
		b.wantEffects()
	}},

	{name: "a Run inside joins", run: func(b *bed) {
		inner := 0
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			n, err := b.runUnder(ctx, txctx.Options{}, func(ctx context.Context, tx Tx) error {
				if txctx.AttemptOf(ctx).Number == 1 {
					return b.doom(ctx)
				}
				return b.effect(ctx, tx)
			})
			inner += n
			return err
		})
		b.want(runs, err, 2, nil)
		if inner != 2 {
			b.Errorf("the inner one ran %d times", inner)
		}
		b.wantEffects(2, 2)
	}},

	{name: "READ ONLY refuses to write, once", run: func(b *bed) {
		runs, err := b.run(txctx.Options{ReadOnly: true}, b.effect)
		if runs != 1 || err == nil {
			b.Errorf("ran %d times, error %v", runs, err)
		}
		for range 4 { // the connections are as they were
			if _, err := b.run(txctx.Options{}, b.effect); err != nil {
				b.Error(err)
			}
		}
		b.wantEffects(1, 1, 1, 1)
	}},

	{name: "rows left open do not hold it up", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if err := b.effect(ctx, tx); err != nil {
				return err
			}
			return tx.Leave(ctx, `select id from counter order by id`)
		})
		b.want(runs, err, 1, nil)
		b.wantEffects(1)
	}},
}
