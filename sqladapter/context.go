package sqladapter

import (
	"context"
	"database/sql"
	"sync"

	"github.com/reprise-go/reprise/txctx"
)

type (
	txKey    struct{} // of a handler's context: *work, or the *sql.Tx of WithTx
	beginKey struct{} // of the context that a work begins with
)

// Tx returns the transaction of the attempt that ctx belongs to, and begins it if
// this is the first time. It is never nil: where the transaction cannot begin,
// every statement of it answers why, and outside an attempt every method answers
// [txctx.ErrNoTransaction].
func Tx(ctx context.Context) *sql.Tx {
	if tx, ok := From(ctx); ok {
		return tx
	}
	return noTx()
}

// From returns the transaction of the attempt that ctx belongs to, and whether
// there is one. It is for repositories that run inside requests and outside.
func From(ctx context.Context) (*sql.Tx, bool) {
	switch v := ctx.Value(txKey{}).(type) {
	case *work:
		return v.get(ctx), true
	case *sql.Tx:
		return v, true
	}
	return nil, false
}

// WithTx returns a copy of ctx in which [Tx] finds tx. It is for unit tests of
// handlers: no attempt comes with it.
func WithTx(ctx context.Context, tx *sql.Tx) context.Context {
	return context.WithValue(ctx, txKey{}, tx)
}

// Both live as long as the process: database/sql keeps a goroutine for each
// transaction that nobody ends.
var (
	noTx   = sync.OnceValue(func() *sql.Tx { return deadTx(txctx.ErrNoTransaction) })
	overTx = sync.OnceValue(func() *sql.Tx { return deadTx(txctx.ErrAttemptOver) })
)
