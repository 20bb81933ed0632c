package accounts

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// Account is a row.
type Account struct {
	bun.BaseModel `bun:"table:account"`

	ID      int64 `bun:",pk,autoincrement"`
	Owner   string
	Balance int64
}

// Accounts is a repository for inside of requests and outside.
type Accounts struct{ DB *bun.DB }

// New returns accounts that are kept in pool, the [sqladapter.DB.SQL] of the
// middleware's database.
func New(pool *sql.DB) Accounts {
	return Accounts{bun.NewDB(pool, pgdialect.New(), bun.WithConnResolver(Request{})).WithQueryHook(Request{})}
}

// Balance returns what an account has.
func (a Accounts) Balance(ctx context.Context, id int64) (int64, error) {
	account := Account{ID: id}
	err := a.DB.NewSelect().Model(&account).WherePK().Scan(ctx)
	return account.Balance, err
}

// Open makes an account.
func (a Accounts) Open(ctx context.Context, owner string, balance int64) error {
	_, err := a.DB.NewInsert().Model(&Account{Owner: owner, Balance: balance}).Exec(ctx)
	return err
}

// SetBalance changes what an account has.
func (a Accounts) SetBalance(ctx context.Context, id, balance int64) error {
	_, err := a.DB.NewUpdate().Model(&Account{ID: id, Balance: balance}).Column("balance").WherePK().Exec(ctx)
	return err
}
