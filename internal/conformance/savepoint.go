package conformance

import (
	"context"
	"errors"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func nowait(e Engine) bool    { return e.Nowait != "" }
func shadowing(e Engine) bool { return !e.OneSavepoint }

// savepoints: they are the handler's own.
var savepoints = []test{
	{name: "rolled back, it takes its effects and hooks with it", run: func(b *bed) {
		var hooks []string
		hook := func(ctx context.Context, name string) {
			txctx.AfterCommit(ctx, func(context.Context) { hooks = append(hooks, name) })
		}
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			hook(ctx, "before")
			err := tx.Savepoint(ctx, func(tx Tx) error {
				hook(ctx, "inside")
				return errors.Join(b.effect(ctx, tx), errBoom)
			})
			if !errors.Is(err, errBoom) {
				b.Errorf("the savepoint: %v", err)
			}
			hook(ctx, "after")
			return b.effect(ctx, tx)
		})
		b.want(runs, err, 1, nil)
		b.wantEffects(1)
		if len(hooks) != 2 || hooks[0] != "before" || hooks[1] != "after" {
			b.Errorf("hooks %v", hooks)
		}
	}},

	{name: "released, it keeps them", run: func(b *bed) {
		hooks := 0
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			return tx.Savepoint(ctx, func(tx Tx) error {
				txctx.AfterCommit(ctx, func(context.Context) { hooks++ })
				return b.effect(ctx, tx)
			})
		})
		b.want(runs, err, 1, nil)
		b.wantEffects(1)
		if hooks != 1 {
			b.Errorf("%d hooks", hooks)
		}
	}},

	{name: "nested, the inner one's hooks go with the outer", needs: shadowing, run: func(b *bed) {
		hooks := 0
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			err := tx.Savepoint(ctx, func(tx Tx) error {
				txctx.AfterCommit(ctx, func(context.Context) { hooks++ })
				err := tx.Savepoint(ctx, func(tx Tx) error { return b.effect(ctx, tx) }) // of the same name, in SQL
				return errors.Join(err, errBoom)
			})
			if !errors.Is(err, errBoom) {
				b.Errorf("the savepoint: %v", err)
			}
			return nil
		})
		b.want(runs, err, 1, nil)
		b.wantEffects()
		if hooks != 0 {
			b.Errorf("%d hooks", hooks)
		}
	}},

	{name: "it saves from the program's own errors", run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			err := tx.Savepoint(ctx, func(tx Tx) error { return tx.Exec(ctx, `insert into counter values (1, 0)`) })
			if err == nil {
				b.Error("no error")
			}
			return b.effect(ctx, tx)
		})
		b.want(runs, err, 1, nil)
		b.wantEffects(1)
	}},

	{name: "it does not save from a doom", options: refusing, run: func(b *bed) {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			_ = tx.Savepoint(ctx, func(tx Tx) error { return b.refuseFirst(ctx, tx) })
			return b.effect(ctx, tx)
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},

	{name: "but from a lock that was not granted", needs: nowait, run: func(b *bed) {
		lock, err := b.Outside.Begin()
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = lock.Rollback() }()
		if _, err := lock.Exec(`update counter set n = 7 where id = 1`); err != nil {
			b.Fatal(err)
		}
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			err := tx.Savepoint(ctx, func(tx Tx) error {
				_, err := first(ctx, tx, b.engine.Nowait)
				return err
			})
			if retryable.ReasonOf(err) != retryable.LockTimeout {
				b.Errorf("NOWAIT: %v", err)
			}
			return b.effect(ctx, tx)
		})
		b.want(runs, err, 1, nil)
		b.wantEffects(1)
	}},

	{name: "outside one, a lock that was not granted dooms", needs: nowait, run: func(b *bed) {
		lock, err := b.Outside.Begin()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := lock.Exec(`update counter set n = 7 where id = 1`); err != nil {
			b.Fatal(err)
		}
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			if txctx.AttemptOf(ctx).Number == 2 {
				_ = lock.Rollback()
			}
			_, err := first(ctx, tx, b.engine.Nowait)
			return errors.Join(err, b.effect(ctx, tx))
		})
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},
}
