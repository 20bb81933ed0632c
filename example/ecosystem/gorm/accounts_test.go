package accounts_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"

	"gorm.io/gorm"

	accounts "github.com/reprise-go/reprise/example/ecosystem/gorm"
	"github.com/reprise-go/reprise/example/ecosystem/internal/kit"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func open(t *testing.T, db *sqladapter.DB) accounts.Accounts {
	t.Helper()
	a, err := accounts.New(db.SQL())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestReplays(t *testing.T) {
	kit.Replays(t, func(t *testing.T, db *sqladapter.DB) kit.Store { return open(t, db) })
}

// nested makes its writes in GORM's own transactions.
type nested struct{ accounts.Accounts }

func (n nested) SetBalance(ctx context.Context, id, balance int64) error {
	return n.In(ctx).Transaction(func(tx *gorm.DB) error {
		return tx.Model(&accounts.Account{ID: id}).Update("balance", balance).Error
	})
}

// TestReplaysInTransaction: a conflict in a nested transaction is the request's.
func TestReplaysInTransaction(t *testing.T) {
	kit.Replays(t, func(t *testing.T, db *sqladapter.DB) kit.Store { return nested{open(t, db)} })
}

// TestTransactionIsASavepoint: what fails in it is undone alone, with its hooks.
func TestTransactionIsASavepoint(t *testing.T) {
	k := kit.New(t, nil)
	a := open(t, k.DB)
	var hooks []string
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		for _, account := range []accounts.Account{{Owner: "bob"}, {ID: kit.Ada.ID, Owner: "eve"}, {Owner: "dan"}} {
			err := a.In(ctx).Transaction(func(tx *gorm.DB) error {
				txctx.AfterCommit(ctx, func(context.Context) { hooks = append(hooks, account.Owner) })
				return tx.Create(&account).Error
			})
			if duplicate := account.Owner == "eve"; errors.Is(err, gorm.ErrDuplicatedKey) != duplicate || err != nil && !duplicate {
				t.Errorf("%s: %v", account.Owner, err)
			}
		}
		return nil
	})
	if status != http.StatusOK || !slices.Equal(k.Owners(), []string{"ada", "bob", "dan"}) {
		t.Errorf("answered %d, and accounts of %v", status, k.Owners())
	}
	if !slices.Equal(hooks, []string{"bob", "dan"}) {
		t.Errorf("hooks of %v", hooks)
	}
}

func TestBeginIsRefused(t *testing.T) {
	k := kit.New(t, nil)
	a := open(t, k.DB)
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		if err := a.In(r.Context()).Begin().Error; !errors.Is(err, gorm.ErrInvalidTransaction) {
			t.Errorf("Begin: %v", err)
		}
		return a.Open(r.Context(), "bob", 10)
	})
	if status != http.StatusOK || !slices.Equal(k.Owners(), []string{"ada", "bob"}) {
		t.Errorf("answered %d, and accounts of %v", status, k.Owners())
	}
}

func TestCommitIsRefused(t *testing.T) {
	k := kit.New(t, nil)
	a := open(t, k.DB)
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		s := a.In(r.Context())
		if err := s.Create(&accounts.Account{Owner: "bob"}).Error; err != nil {
			return err
		}
		if err := s.Commit().Error; !errors.Is(err, txctx.ErrManaged) {
			t.Errorf("Commit: %v", err)
		}
		return nil
	})
	if status != http.StatusInternalServerError || !slices.Equal(k.Owners(), []string{"ada"}) {
		t.Errorf("answered %d, and accounts of %v", status, k.Owners())
	}
}

// family is an account with those whose balance is its id.
type family struct {
	ID      int64
	Owner   string
	Balance int64
	Kids    []family `gorm:"foreignKey:Balance;references:ID"`
}

func (family) TableName() string { return "account" }

// TestAssociations: what GORM writes and reads on the side is in the transaction.
func TestAssociations(t *testing.T) {
	k := kit.New(t, nil)
	a := open(t, k.DB)
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		s := a.In(r.Context())
		bob := family{Owner: "bob", Kids: []family{{Owner: "kid"}}}
		if err := s.Create(&bob).Error; err != nil {
			return err
		}
		found := family{ID: bob.ID}
		if err := s.Preload("Kids").First(&found).Error; err != nil || len(found.Kids) != 1 {
			t.Errorf("Preload: %v, %v", found, err)
		}
		return errors.New("no")
	})
	if status != http.StatusInternalServerError || !slices.Equal(k.Owners(), []string{"ada"}) {
		t.Errorf("answered %d, and accounts of %v", status, k.Owners())
	}
}

// TestConnectionIsAnotherOne shows what the package comment warns of: the request
// fails, and bob is there all the same.
func TestConnectionIsAnotherOne(t *testing.T) {
	k := kit.New(t, nil)
	a := open(t, k.DB)
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		s := a.In(r.Context())
		if pool, err := s.DB(); pool != k.DB.SQL() || err != nil {
			t.Errorf("DB is %p, %v", pool, err)
		}
		err := s.Connection(func(tx *gorm.DB) error { return tx.Create(&accounts.Account{Owner: "bob"}).Error })
		return errors.Join(err, errors.New("no"))
	})
	if status != http.StatusInternalServerError || !slices.Equal(k.Owners(), []string{"ada", "bob"}) {
		t.Errorf("answered %d, and accounts of %v", status, k.Owners())
	}
}
