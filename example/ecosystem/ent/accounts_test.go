package accounts_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	accounts "github.com/reprise-go/reprise/example/ecosystem/ent"
	"github.com/reprise-go/reprise/example/ecosystem/internal/kit"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func driver(db *sqladapter.DB) accounts.Driver { return accounts.NewDriver(dialect.Postgres, db.SQL()) }

func TestReplays(t *testing.T) {
	kit.Replays(t, func(_ *testing.T, db *sqladapter.DB) kit.Store { return accounts.New(driver(db)) })
}

// txDriver is what ent generates around a transaction: its own transactions are
// nothing.
type txDriver struct{ dialect.ExecQuerier }

func (d txDriver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }
func (txDriver) Dialect() string                          { return dialect.Postgres }
func (txDriver) Close() error                             { return nil }

// TestTxIsASavepoint: what is rolled back in it is undone alone, with its hooks.
//
// Mutation seen to fail it: answer with dialect.NopTx.
func TestTxIsASavepoint(t *testing.T) {
	k := kit.New(t, nil)
	drv := driver(k.DB)
	var hooks []string
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		for _, owner := range []string{"bob", "eve", "dan"} {
			tx, err := drv.Tx(ctx)
			if err != nil {
				return err
			}
			txctx.AfterCommit(ctx, func(context.Context) { hooks = append(hooks, owner) })
			if err := accounts.New(txDriver{tx}).Open(ctx, owner, 10); err != nil {
				return err
			}
			end := tx.Commit
			if owner == "eve" {
				end = tx.Rollback
			}
			if err := end(); err != nil {
				return err
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

// TestTxCommitsNothing: the request fails after ent's Commit.
func TestTxCommitsNothing(t *testing.T) {
	k := kit.New(t, nil)
	drv := driver(k.DB)
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		tx, err := drv.Tx(ctx)
		if err != nil {
			return err
		}
		return errors.Join(accounts.New(txDriver{tx}).Open(ctx, "bob", 10), tx.Commit(), errors.New("no"))
	})
	if status != http.StatusInternalServerError || !slices.Equal(k.Owners(), []string{"ada"}) {
		t.Errorf("answered %d, and accounts of %v", status, k.Owners())
	}
}

func TestBeginTxIsRefused(t *testing.T) {
	k := kit.New(t, nil)
	drv := driver(k.DB)
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		if _, err := drv.BeginTx(r.Context(), nil); !errors.Is(err, accounts.ErrBeginTx) {
			t.Errorf("BeginTx: %v", err)
		}
		return accounts.New(drv).Open(r.Context(), "bob", 10)
	})
	if status != http.StatusOK || !slices.Equal(k.Owners(), []string{"ada", "bob"}) {
		t.Errorf("answered %d, and accounts of %v", status, k.Owners())
	}
}

// TestThePlainDriverPanics is why there is a [accounts.Driver].
func TestThePlainDriverPanics(t *testing.T) {
	k := kit.New(t, nil)
	var panicked any
	k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		defer func() { panicked = recover() }()
		ctx := r.Context()
		plain := entsql.NewDriver(dialect.Postgres, entsql.Conn{ExecQuerier: sqladapter.Tx(ctx)})
		return accounts.New(plain).SetBalance(ctx, kit.Ada.ID, 90)
	})
	if panicked == nil {
		t.Error("ent's own driver will do now: the recipe can be shorter")
	}
}
