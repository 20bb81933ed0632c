package pgadapter

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/txctx"
)

type txKey struct{}

// Tx returns the transaction of the attempt that ctx belongs to. It is never nil:
// outside an attempt every method of it answers [txctx.ErrNoTransaction].
func Tx(ctx context.Context) pgx.Tx {
	if tx, ok := From(ctx); ok {
		return tx
	}
	return noTx{}
}

// From returns the transaction of the attempt that ctx belongs to, and whether
// there is one. It is for repositories that run inside requests and outside.
func From(ctx context.Context) (pgx.Tx, bool) {
	tx, ok := ctx.Value(txKey{}).(pgx.Tx)
	return tx, ok
}

// WithTx returns a copy of ctx in which [Tx] finds tx. It is for unit tests of
// handlers: no attempt comes with it.
func WithTx(ctx context.Context, tx pgx.Tx) context.Context {
	return context.WithValue(ctx, txKey{}, tx)
}

// noTx is the transaction of a context that has none.
type noTx struct{}

func (noTx) Begin(context.Context) (pgx.Tx, error) { return nil, txctx.ErrNoTransaction }
func (noTx) Commit(context.Context) error          { return txctx.ErrNoTransaction }
func (noTx) Rollback(context.Context) error        { return txctx.ErrNoTransaction }

func (noTx) CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error) {
	return 0, txctx.ErrNoTransaction
}

func (noTx) SendBatch(_ context.Context, b *pgx.Batch) pgx.BatchResults {
	return pgx.FailedBatchResults(b, txctx.ErrNoTransaction)
}

func (noTx) LargeObjects() pgx.LargeObjects { return deadLargeObjects() }

func (noTx) Prepare(context.Context, string, string) (*pgconn.StatementDescription, error) {
	return nil, txctx.ErrNoTransaction
}

func (noTx) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, txctx.ErrNoTransaction
}

func (noTx) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return failedRows{txctx.ErrNoTransaction}, txctx.ErrNoTransaction
}

func (noTx) QueryRow(context.Context, string, ...any) pgx.Row {
	return failedRows{txctx.ErrNoTransaction}
}

// Conn returns nil: there is no connection.
func (noTx) Conn() *pgx.Conn { return nil }
