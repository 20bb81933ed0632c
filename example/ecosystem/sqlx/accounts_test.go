package accounts_test

import (
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/reprise-go/reprise/example/ecosystem/internal/kit"
	accounts "github.com/reprise-go/reprise/example/ecosystem/sqlx"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestReplays(t *testing.T) {
	kit.Replays(t, func(_ *testing.T, db *sqladapter.DB) kit.Store { return accounts.New(db.SQL()) })
}

// TestTheTransactionIsWhole: what depends on the name of the driver and on the
// mapper, which sqlx itself would have set.
//
// Mutation seen to fail it: no BindDriver.
func TestTheTransactionIsWhole(t *testing.T) {
	k := kit.New(t, nil)
	pool := sqlx.NewDb(k.DB.SQL(), "pgx")
	pool.MapperFunc(func(field string) string { return map[string]string{"Who": "owner", "Has": "balance"}[field] })
	type account struct{ Who, Has string }
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		tx := accounts.Tx(ctx, pool)
		if _, err := tx.NamedExecContext(ctx, `insert into account (owner, balance) values (:Who, :Has)`,
			map[string]any{"Who": "bob", "Has": 10}); err != nil {
			return err
		}
		named, err := tx.PrepareNamedContext(ctx, `select owner, balance from account where owner = :owner`)
		if err != nil {
			return err
		}
		defer named.Close()
		var one account
		if err := named.GetContext(ctx, &one, account{Who: "bob"}); err != nil || one != (account{"bob", "10"}) {
			t.Errorf("PrepareNamed: %v, %v", one, err)
		}
		query, args, err := sqlx.In(`select owner, balance from account where owner in (?) order by id`, []string{"ada", "bob"})
		if err != nil {
			return err
		}
		var all []account
		if err := tx.SelectContext(ctx, &all, tx.Rebind(query), args...); err != nil {
			return err
		}
		if want := []account{{"ada", "100"}, {"bob", "10"}}; !slices.Equal(all, want) {
			t.Errorf("In: %v, want %v", all, want)
		}
		return nil
	})
	if status != http.StatusOK {
		t.Errorf("answered %d", status)
	}
}

// TestMustExecIsReplayed: it panics with the conflict.
func TestMustExecIsReplayed(t *testing.T) {
	k := kit.New(t, nil)
	pool := sqlx.NewDb(k.DB.SQL(), "pgx")
	attempts := 0
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		attempts++
		ctx := r.Context()
		tx := accounts.Tx(ctx, pool)
		var balance int64
		if err := tx.GetContext(ctx, &balance, `select balance from account`); err != nil {
			return err
		}
		if attempts == 1 {
			k.Deposit(5)
		}
		tx.MustExecContext(ctx, `update account set balance = $1`, balance-10)
		return nil
	})
	if status != http.StatusOK || attempts != 2 || k.Accounts()[0].Balance != 95 {
		t.Errorf("answered %d after %d attempts, and ada has %d", status, attempts, k.Accounts()[0].Balance)
	}
}

// TestBeginxIsAnotherTransaction shows what the package comment warns of: what the
// handler commits itself is there twice, once of each attempt.
func TestBeginxIsAnotherTransaction(t *testing.T) {
	k := kit.New(t, nil)
	pool := sqlx.NewDb(k.DB.SQL(), "pgx")
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		balance, err := accounts.New(k.DB.SQL()).Balance(ctx, kit.Ada.ID)
		if err != nil {
			return err
		}
		own, err := pool.BeginTxx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = own.Rollback() }()
		if _, err := own.ExecContext(ctx, `insert into account (owner, balance) values ('bob', 10)`); err != nil {
			return err
		}
		if err := own.Commit(); err != nil {
			return err
		}
		if txctx.AttemptOf(ctx).Number == 1 {
			k.Deposit(5)
		}
		return accounts.New(k.DB.SQL()).SetBalance(ctx, kit.Ada.ID, balance-10)
	})
	if status != http.StatusOK || !slices.Equal(k.Owners(), []string{"ada", "bob", "bob"}) {
		t.Errorf("answered %d, and accounts of %v", status, k.Owners())
	}
}
