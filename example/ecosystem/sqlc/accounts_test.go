package accounts_test

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/reprise-go/reprise/example/ecosystem/internal/kit"
	accounts "github.com/reprise-go/reprise/example/ecosystem/sqlc"
	"github.com/reprise-go/reprise/example/ecosystem/sqlc/db"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestReplays(t *testing.T) {
	kit.Replays(t, func(_ *testing.T, db *sqladapter.DB) kit.Store { return accounts.New(db.SQL()) })
}

// TestCommitIsRefused: WithTx and Commit, as sqlc's documentation has it.
func TestCommitIsRefused(t *testing.T) {
	k := kit.New(t, nil)
	status, _ := k.Serve(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		tx := sqladapter.Tx(ctx)
		if err := db.New(k.DB.SQL()).WithTx(tx).Open(ctx, db.OpenParams{Owner: "bob", Balance: 10}); err != nil {
			return err
		}
		if err := tx.Commit(); !errors.Is(err, txctx.ErrManaged) {
			t.Errorf("Commit: %v", err)
		}
		return nil
	})
	if status != http.StatusInternalServerError || !slices.Equal(k.Owners(), []string{"ada"}) {
		t.Errorf("answered %d, and accounts of %v", status, k.Owners())
	}
}
