// Package accounts keeps accounts with Bun, in the request's transaction.
//
// The recipe: Bun asks a ConnResolver where a query builder is to run, and a
// *sql.Tx is what it may answer. One bun.DB serves inside of requests and outside:
//
//	db := bun.NewDB(pool, pgdialect.New(), bun.WithConnResolver(Request{})).WithQueryHook(Request{})
//	db.NewUpdate().Model(account).Column("balance").WherePK().Exec(ctx)
//
// Every builder, NewRaw too, goes where its ctx belongs: to the request's
// transaction, outside of requests to the pool. What goes to the pool without asking
// the resolver are the methods that Bun has of sql.DB: RunInTx, BeginTx, ExecContext
// and the like. In a request the hook refuses them with [ErrOwnTx], before anything
// is sent: Bun's transaction would be another one on a second connection, which stays
// when the attempt is thrown away. Statements of a bun.Conn fail as well, there with
// driver.ErrBadConn. Begin, Exec and Query without a ctx, and Prepare, are seen by
// nobody: avoid them.
//
// There are no nested transactions: a bun.Tx cannot be made of a *sql.Tx, its fields
// are not exported. A savepoint is a statement:
//
//	db.NewRaw("savepoint x").Exec(ctx); db.NewRaw("rollback to savepoint x").Exec(ctx)
//
// What does not work as it is: ScanAndCount with a Limit or an Offset. Bun runs its
// two queries at once, unless it is told the connection, and a transaction has only
// one: now and then pgx answers "conn busy". Say .Conn(sqladapter.Tx(ctx)) there. A
// program that has a resolver already, such as Bun's own for replicas, asks it where
// Request answers nil.
package accounts

import (
	"context"
	"errors"

	"github.com/uptrace/bun"

	"github.com/reprise-go/reprise/sqladapter"
)

// ErrOwnTx is what Bun answers in a request to everything but query builders.
var ErrOwnTx = errors.New("bun: in a request use query builders, which run in its transaction")

// Request leads Bun to the request's transaction. It implements [bun.ConnResolver]
// and [bun.QueryHook]; use both.
type Request struct{}

// ResolveConn returns the request's transaction, nil outside of requests.
func (Request) ResolveConn(ctx context.Context, _ bun.Query) bun.IConn {
	if tx, ok := sqladapter.From(ctx); ok {
		return tx
	}
	return nil
}

// Close implements [bun.ConnResolver]. There is nothing to close.
func (Request) Close() error { return nil }

// BeforeQuery refuses what is no query builder's. A hook has no error to return, but
// it may return the context to run under.
func (Request) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if _, ok := sqladapter.From(ctx); ok && event.IQuery == nil {
		return refused{ctx}
	}
	return ctx
}

// AfterQuery implements [bun.QueryHook].
func (Request) AfterQuery(context.Context, *bun.QueryEvent) {}

// refused is a context that has ended with ErrOwnTx.
type refused struct{ context.Context }

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (refused) Done() <-chan struct{} { return closed }
func (refused) Err() error            { return ErrOwnTx }
