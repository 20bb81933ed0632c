// Package accounts keeps accounts with sqlx, in the request's transaction.
//
// The recipe: sqlx.Tx embeds its *sql.Tx in an exported field, so that one can be
// made of the request's transaction. What cannot be set from outside is the name of
// the driver, by which sqlx knows whether a parameter is ? or $1. A transaction
// without a name gets it from
//
//	sqlx.BindDriver("", sqlx.DOLLAR)
//
// once in the program; for MySQL and SQLite nothing is needed, ? is the default.
// Then everything works: Get, Select, NamedExec, PrepareNamed, Rebind, and the
// mapper of the pool.
//
// What to avoid in requests: sqlx.DB. Its Beginx, BeginTxx and MustBegin begin a
// transaction of their own on a second connection. What that one commits stays when
// the attempt is thrown away, and the replay commits it again; and if the two meet
// at a row, the request waits for itself. So keep sqlx.DB behind a function like
// [Accounts].in. sqlx.Tx has no Beginx; a savepoint is a statement:
//
//	tx.ExecContext(ctx, "savepoint x"); tx.ExecContext(ctx, "rollback to savepoint x")
//
// MustExec and its like work: they panic with the error, and Reprise replays what
// panics with a retryable error.
package accounts

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"

	"github.com/reprise-go/reprise/sqladapter"
)

// PostgreSQL's, for all that has no driver's name; see the package comment.
func init() { sqlx.BindDriver("", sqlx.DOLLAR) }

// Accounts is a repository for inside of requests and outside.
type Accounts struct{ pool *sqlx.DB }

// New returns accounts that are kept in pool, the [sqladapter.DB.SQL] of the
// middleware's database.
func New(pool *sql.DB) Accounts { return Accounts{sqlx.NewDb(pool, "pgx")} }

// Tx returns the request's transaction for sqlx, one whose every statement answers
// [txctx.ErrNoTransaction] outside of requests.
func Tx(ctx context.Context, pool *sqlx.DB) *sqlx.Tx {
	return &sqlx.Tx{Tx: sqladapter.Tx(ctx), Mapper: pool.Mapper}
}

// in returns the request's transaction, outside of requests the pool.
func (a Accounts) in(ctx context.Context) sqlx.ExtContext {
	if _, ok := sqladapter.From(ctx); ok {
		return Tx(ctx, a.pool)
	}
	return a.pool
}

// Balance returns what an account has.
func (a Accounts) Balance(ctx context.Context, id int64) (balance int64, err error) {
	err = sqlx.GetContext(ctx, a.in(ctx), &balance, `select balance from account where id = $1`, id)
	return balance, err
}

// Open makes an account.
func (a Accounts) Open(ctx context.Context, owner string, balance int64) error {
	_, err := sqlx.NamedExecContext(ctx, a.in(ctx), `insert into account (owner, balance) values (:owner, :balance)`,
		map[string]any{"owner": owner, "balance": balance})
	return err
}

// SetBalance changes what an account has.
func (a Accounts) SetBalance(ctx context.Context, id, balance int64) error {
	_, err := a.in(ctx).ExecContext(ctx, `update account set balance = $2 where id = $1`, id, balance)
	return err
}
