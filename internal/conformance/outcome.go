package conformance

import (
	"context"
	"errors"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// outcomes: COMMIT was sent, and no answer came.
var outcomes = []test{
	{name: "delivered", run: func(b *bed) {
		b.Faults.LoseCommit(true)
		b.wantUnknown(txctx.Options{})
		b.eventually("the effect is there", func() bool { return len(b.effects()) == 1 })
	}},

	{name: "not delivered", run: func(b *bed) {
		b.Faults.LoseCommit(false)
		b.wantUnknown(txctx.Options{})
		b.wantEffects()
	}},

	{name: "READ ONLY is replayed", run: func(b *bed) {
		b.Faults.LoseCommit(true)
		runs, err := b.run(txctx.Options{ReadOnly: true}, func(ctx context.Context, tx Tx) error {
			_, err := first(ctx, tx, `select n from counter where id = 1`)
			return err
		})
		b.want(runs, err, 2, nil)
	}},

	{name: "Idempotent is replayed", run: func(b *bed) {
		b.Faults.LoseCommit(false)
		runs, err := b.run(txctx.Options{Idempotent: true}, b.effect)
		b.want(runs, err, 2, nil)
		b.wantEffects(2)
	}},

	{name: "its hooks do not run", run: func(b *bed) {
		b.Faults.LoseCommit(true)
		_, err := b.run(txctx.Options{}, func(ctx context.Context, tx Tx) error {
			txctx.AfterCommit(ctx, func(context.Context) { b.Error("a hook ran") })
			return b.effect(ctx, tx)
		})
		if err == nil {
			b.Error("no error")
		}
	}},
}

// wantUnknown runs one effect, of which nobody can say what became.
func (b *bed) wantUnknown(o txctx.Options) {
	b.Helper()
	runs, err := b.run(o, b.effect)
	_, unknown := errors.AsType[*txctx.OutcomeUnknownError](err)
	if runs != 1 || !unknown || errors.Is(err, retryable.ErrRetry) {
		b.Errorf("ran %d times, error %v", runs, err)
	}
}
