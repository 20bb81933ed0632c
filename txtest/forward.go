package txtest

import (
	"context"
	"time"

	"github.com/reprise-go/reprise/txctx"
)

// What a FaultyDB can do besides is what the wrapped DB can.
var (
	_ txctx.KeyKeeper = (*FaultyDB)(nil)
	_ txctx.Gated     = (*FaultyDB)(nil)
)

// KeepsKeys implements [txctx.KeyKeeper], as far as the wrapped DB does.
func (f *FaultyDB) KeepsKeys() (retention time.Duration, ok bool) {
	if keeper, ok := f.db.(txctx.KeyKeeper); ok {
		return keeper.KeepsKeys()
	}
	return 0, false
}

// Gate implements [txctx.Gated]: it returns that of the wrapped DB, nil if it has none.
// Planned faults do not shut it.
func (f *FaultyDB) Gate() *txctx.Gate {
	if gated, ok := f.db.(txctx.Gated); ok {
		return gated.Gate()
	}
	return nil
}

// Probe implements [txctx.Gated]. Without a gate it is not called.
func (f *FaultyDB) Probe(ctx context.Context) error { return f.db.(txctx.Gated).Probe(ctx) }
