package torture

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/reprise-go/reprise/txctx"
)

// named is a DB whose attempts know the id of their run, which is in the ledger too.
type named struct{ txctx.DB }

type runKey struct{}

func (n named) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	id := c.RunID()
	return n.DB.Begin(context.WithValue(ctx, runKey{}, hex.EncodeToString(id[:])), c)
}

// KeepsKeys passes on what the adapter says.
func (n named) KeepsKeys() (retention time.Duration, ok bool) {
	if k, is := n.DB.(interface {
		KeepsKeys() (time.Duration, bool)
	}); is {
		return k.KeepsKeys()
	}
	return 0, false
}

// runOf returns the id of the run that ctx belongs to, in hexadecimal digits.
func runOf(ctx context.Context) string {
	id, _ := ctx.Value(runKey{}).(string)
	return id
}
