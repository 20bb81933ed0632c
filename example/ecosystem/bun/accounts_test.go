package accounts_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	accounts "github.com/reprise-go/reprise/example/ecosystem/bun"
	"github.com/reprise-go/reprise/example/ecosystem/internal/kit"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestReplays(t *testing.T) {
	kit.Replays(t, func(_ *testing.T, db *sqladapter.DB) kit.Store { return accounts.New(db.SQL()) })
}

// TestOwnTransactionsAreRefused: nothing is sent to another connection, and the
// request goes on.
//
// Mutation seen to fail it: no query hook.
func TestOwnTransactionsAreRefused(t *testing.T) {
	const insert = `insert into account (owner, balance) values ('eve', 0)`
	for name, own := range map[string]func(context.Context, *bun.DB) error{
		"RunInTx": func(ctx context.Context, db *bun.DB) error {
			return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.ExecContext(ctx, insert)
				return err
			})
		},
		"BeginTx": func(ctx context.Context, db *bun.DB) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			_, err = tx.NewRaw(insert).Exec(ctx)
			return errors.Join(err, tx.Commit())
		},
		"Conn": func(ctx context.Context, db *bun.DB) error {
			conn, err := db.Conn(ctx)
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = conn.ExecContext(ctx, insert)
			return err
		},
		"ExecContext": func(ctx context.Context, db *bun.DB) error {
			_, err := db.ExecContext(ctx, insert)
			return err
		},
		"QueryContext": func(ctx context.Context, db *bun.DB) error {
			rows, err := db.QueryContext(ctx, insert+` returning id`)
			if err != nil {
				return err
			}
			return errors.Join(rows.Close(), rows.Err())
		},
		"QueryRowContext": func(ctx context.Context, db *bun.DB) error {
			return db.QueryRowContext(ctx, insert+` returning id`).Scan(new(int64))
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := kit.New(t, nil)
			a := accounts.New(k.DB.SQL())
			status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
				err := own(r.Context(), a.DB)
				if !errors.Is(err, accounts.ErrOwnTx) && (name != "Conn" || !errors.Is(err, driver.ErrBadConn)) {
					t.Errorf("answered %v", err)
				}
				return a.Open(r.Context(), "bob", 10)
			})
			if status != http.StatusOK || !slices.Equal(k.Owners(), []string{"ada", "bob"}) {
				t.Errorf("answered %d, and accounts of %v", status, k.Owners())
			}
			if err := own(t.Context(), a.DB); err != nil {
				t.Errorf("outside of requests: %v", err)
			}
		})
	}
}

// TestSavepoint: as statements.
func TestSavepoint(t *testing.T) {
	k := kit.New(t, nil)
	a := accounts.New(k.DB.SQL())
	var hooks []string
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		if _, err := a.DB.NewRaw(`savepoint x`).Exec(ctx); err != nil {
			return err
		}
		txctx.AfterCommit(ctx, func(context.Context) { hooks = append(hooks, "eve") })
		eve := accounts.Account{ID: kit.Ada.ID, Owner: "eve"}
		if _, err := a.DB.NewInsert().Model(&eve).Exec(ctx); err == nil {
			t.Error("ada's id was given away")
		}
		if _, err := a.DB.NewRaw(`rollback to savepoint x`).Exec(ctx); err != nil {
			return err
		}
		txctx.AfterCommit(ctx, func(context.Context) { hooks = append(hooks, "bob") })
		return a.Open(ctx, "bob", 10)
	})
	if status != http.StatusOK || !slices.Equal(k.Owners(), []string{"ada", "bob"}) || !slices.Equal(hooks, []string{"bob"}) {
		t.Errorf("answered %d, accounts of %v, hooks of %v", status, k.Owners(), hooks)
	}
}

// TestScanAndCount: with Conn, Bun runs its two queries one after the other.
func TestScanAndCount(t *testing.T) {
	k := kit.New(t, nil)
	a := accounts.New(k.DB.SQL())
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		if err := a.Open(ctx, "bob", 10); err != nil {
			return err
		}
		var page []accounts.Account
		n, err := a.DB.NewSelect().Model(&page).Order("id").Limit(1).Conn(sqladapter.Tx(ctx)).ScanAndCount(ctx)
		if n != 2 || len(page) != 1 || err != nil {
			t.Errorf("%d accounts, page %v, %v", n, page, err)
		}
		return nil
	})
	if status != http.StatusOK {
		t.Errorf("answered %d", status)
	}
}
