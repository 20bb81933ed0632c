// Package accounts keeps accounts with queries that sqlc generated, in the
// request's transaction.
//
// The recipe: sqlc's DBTX is what a *sql.Tx has, so the request's transaction goes
// in as it is, with sql_package database/sql (the default) in sqlc.yaml:
//
//	db.New(sqladapter.Tx(ctx)).SetBalance(ctx, ...)
//
// Code that also runs outside of requests asks [sqladapter.From], as
// [Accounts] does here.
//
// What does not work: the pattern of sqlc's own documentation, tx.Commit() after
// queries.WithTx(tx). The request's transaction is Reprise's to commit: the
// handler's Commit answers txctx.ErrManaged, everything is rolled back, and the
// request is a 500. Leave the Commit out. A transaction that the handler begins on
// the pool, pool.BeginTx, would be another one: it stays when the attempt is thrown
// away, and is made again by the replay.
//
// For a savepoint, send SAVEPOINT and ROLLBACK TO SAVEPOINT as statements of the
// transaction.
package accounts

import (
	"context"
	"database/sql"

	"github.com/reprise-go/reprise/example/ecosystem/sqlc/db"
	"github.com/reprise-go/reprise/sqladapter"
)

//go:generate go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate

// Accounts is a repository for inside of requests and outside.
type Accounts struct{ pool *db.Queries }

// New returns accounts that are kept in pool, the [sqladapter.DB.SQL] of the
// middleware's database.
func New(pool *sql.DB) Accounts { return Accounts{db.New(pool)} }

// in returns the queries on the request's transaction, outside of requests on the
// pool.
func (a Accounts) in(ctx context.Context) *db.Queries {
	if tx, ok := sqladapter.From(ctx); ok {
		return a.pool.WithTx(tx)
	}
	return a.pool
}

// Balance returns what an account has.
func (a Accounts) Balance(ctx context.Context, id int64) (int64, error) {
	return a.in(ctx).Balance(ctx, id)
}

// Open makes an account.
func (a Accounts) Open(ctx context.Context, owner string, balance int64) error {
	return a.in(ctx).Open(ctx, db.OpenParams{Owner: owner, Balance: balance})
}

// SetBalance changes what an account has.
func (a Accounts) SetBalance(ctx context.Context, id, balance int64) error {
	return a.in(ctx).SetBalance(ctx, db.SetBalanceParams{ID: id, Balance: balance})
}
