// Package accounts keeps accounts with ent, in the request's transaction.
//
// The recipe is a driver. One client is made with it, once, for all requests and
// for everything outside of them, and its hooks and interceptors with it:
//
//	client := ent.NewClient(ent.Driver(accounts.NewDriver(dialect.Postgres, db.SQL())))
//	client.Account.UpdateOneID(id).SetBalance(90).Exec(ctx)
//
// Every statement goes where its ctx belongs: to the request's transaction, outside
// of requests to the pool.
//
// The driver is needed. entsql.NewDriver over entsql.Conn{ExecQuerier: tx} looks as
// if it would do, but ent begins transactions on its own: for every UpdateOne, and
// for creates and updates that touch an edge in another table. That driver then
// panics, because a *sql.Tx is no *sql.DB. This one makes savepoints, two short round
// trips each.
//
// Nested transactions: client.Tx(ctx) makes a savepoint, too. tx.Rollback() undoes
// that part, with the AfterCommit hooks of Reprise that were registered in it, and
// the request may go on. A conflict or a lost connection in it dooms the whole
// attempt. tx.Commit() releases the savepoint and commits nothing, so what is
// registered with ent's tx.OnCommit runs too early, in every attempt: register it
// with txctx.AfterCommit instead. client.BeginTx is refused in a request, because a
// savepoint has no isolation level.
//
// What to avoid in requests: a ctx that is not the request's. context.Background()
// means the pool.
//
// There is no generated code here, for its size: [Accounts] calls what the builders
// that ent generates call.
package accounts

import (
	"context"
	"database/sql"
	"errors"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/reprise-go/reprise/sqladapter"
)

// ErrBeginTx is what client.BeginTx answers in a request.
var ErrBeginTx = errors.New("ent: the request has a transaction already: use Tx, which makes a savepoint of it")

// Driver is ent's driver for inside of requests and outside. It implements
// [dialect.Driver].
type Driver struct{ pool *entsql.Driver }

// NewDriver returns a driver on pool, the [sqladapter.DB.SQL] of the middleware's
// database. name is that of ent's dialect.
func NewDriver(name string, pool *sql.DB) Driver { return Driver{entsql.OpenDB(name, pool)} }

// in returns the request's transaction, outside of requests the pool.
func (d Driver) in(ctx context.Context) dialect.ExecQuerier {
	if tx, ok := sqladapter.From(ctx); ok {
		return entsql.Conn{ExecQuerier: tx}
	}
	return d.pool
}

// Exec implements [dialect.ExecQuerier].
func (d Driver) Exec(ctx context.Context, query string, args, v any) error {
	return d.in(ctx).Exec(ctx, query, args, v)
}

// Query implements [dialect.ExecQuerier].
func (d Driver) Query(ctx context.Context, query string, args, v any) error {
	return d.in(ctx).Query(ctx, query, args, v)
}

// Tx makes a savepoint of the request's transaction, and begins a transaction
// outside of requests.
func (d Driver) Tx(ctx context.Context) (dialect.Tx, error) {
	if tx, ok := sqladapter.From(ctx); ok {
		return newSavepoint(ctx, tx)
	}
	return d.pool.Tx(ctx)
}

// BeginTx begins a transaction outside of requests; inside it answers [ErrBeginTx].
func (d Driver) BeginTx(ctx context.Context, o *sql.TxOptions) (dialect.Tx, error) {
	if _, ok := sqladapter.From(ctx); ok {
		return nil, ErrBeginTx
	}
	return d.pool.BeginTx(ctx, o)
}

// Dialect implements [dialect.Driver].
func (d Driver) Dialect() string { return d.pool.Dialect() }

// Close closes the pool.
func (d Driver) Close() error { return d.pool.Close() }
