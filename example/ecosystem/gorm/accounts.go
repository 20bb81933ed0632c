// Package accounts keeps accounts with GORM, in the request's transaction.
//
// The recipe: open GORM once on the pool, and give every request a session whose
// connection is the request's transaction:
//
//	s := db.Session(&gorm.Session{NewDB: true, Context: ctx})
//	s.Statement.ConnPool = sqladapter.Tx(ctx)
//
// The Context is not only for deadlines: without one the session shares its
// Statement with db, and the second line would change db for everybody. GORM's own
// transaction around every write does not happen in a request, with or without
// SkipDefaultTransaction: a *sql.Tx cannot begin, and GORM takes that for an answer.
// TranslateError is fine, too: Reprise has seen the error before GORM translates it.
// PrepareStmt has no effect in requests. Preload and associations stay in the
// transaction.
//
// Nested transactions: s.Transaction(...) finds a transaction and makes a savepoint
// of it. When its function fails, that part is undone, with the AfterCommit hooks
// registered in it, and the request may go on: good for an insert that may be a
// duplicate. A conflict or a lost connection in it dooms the whole attempt, whatever
// the function returns. Options given to it have no effect.
//
// What does not work: s.Begin() answers gorm.ErrInvalidTransaction, and s.Commit()
// and s.Rollback() fail the request with txctx.ErrManaged.
//
// What to avoid in requests: db itself, which is the pool; s.DB(), which is the pool
// as well; and s.Connection(...), which takes another connection from it. What runs
// there stays when the attempt is thrown away, and runs again with the replay.
package accounts

import (
	"context"
	"database/sql"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/reprise-go/reprise/sqladapter"
)

// Account is a row.
type Account struct {
	ID      int64
	Owner   string
	Balance int64
}

// TableName implements GORM's Tabler.
func (Account) TableName() string { return "account" }

// Accounts is a repository for inside of requests and outside.
type Accounts struct{ pool *gorm.DB }

// New returns accounts that are kept in pool, the [sqladapter.DB.SQL] of the
// middleware's database.
func New(pool *sql.DB) (Accounts, error) {
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{
		Logger:         logger.Discard, // Reprise logs requests that fail; conflicts are no news
		TranslateError: true,
	})
	return Accounts{db}, err
}

// In returns a session on the request's transaction, outside of requests on the
// pool.
func (a Accounts) In(ctx context.Context) *gorm.DB {
	s := a.pool.Session(&gorm.Session{NewDB: true, Context: ctx})
	if tx, ok := sqladapter.From(ctx); ok {
		s.Statement.ConnPool = tx
	}
	return s
}

// Balance returns what an account has.
func (a Accounts) Balance(ctx context.Context, id int64) (int64, error) {
	var account Account
	err := a.In(ctx).First(&account, id).Error
	return account.Balance, err
}

// Open makes an account.
func (a Accounts) Open(ctx context.Context, owner string, balance int64) error {
	return a.In(ctx).Create(&Account{Owner: owner, Balance: balance}).Error
}

// SetBalance changes what an account has.
func (a Accounts) SetBalance(ctx context.Context, id, balance int64) error {
	return a.In(ctx).Model(&Account{ID: id}).Update("balance", balance).Error
}
