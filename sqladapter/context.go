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
	return noTx.get()
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

// What is shared lives as long as the process: database/sql keeps a goroutine for
// each transaction that nobody ends.
var (
	noTx   = sharedTx{err: txctx.ErrNoTransaction}
	overTx = sharedTx{err: txctx.ErrAttemptOver}
)

// sharedTx is a dead transaction for everybody who has none.
type sharedTx struct {
	err error
	mu  sync.Mutex
	tx  *sql.Tx
}

func (s *sharedTx) get() *sql.Tx {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx == nil {
		s.tx = newDeadTx(deadConn{err: s.err, rollback: s.err, ended: s.forget})
	}
	return s.tx
}

// forget leaves a transaction that somebody has ended to him: it would answer
// sql.ErrTxDone to everybody else.
func (s *sharedTx) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tx = nil
}
