package sqladapter_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestOutsideAnAttempt(t *testing.T) {
	ctx := context.Background()
	if _, ok := sqladapter.From(ctx); ok {
		t.Error("a transaction out of nothing")
	}
	tx := sqladapter.Tx(ctx)
	_, execErr := tx.ExecContext(ctx, "a", struct{}{})
	_, queryErr := tx.QueryContext(ctx, "a") //nolint:sqlclosecheck // it fails
	_, prepareErr := tx.PrepareContext(ctx, "a")
	for _, err := range []error{execErr, queryErr, prepareErr, tx.QueryRowContext(ctx, "a").Scan(new(int))} {
		if !errors.Is(err, txctx.ErrNoTransaction) {
			t.Errorf("%v", err)
		}
	}
}

// TestRule19_AnOldTransactionIsDead for who kept it or asks for it again.
func TestRule19_AnOldTransactionIsDead(t *testing.T) {
	s := &server{}
	var old context.Context
	var tx *sql.Tx
	_, err := run(newDB(t, s), txctx.Options{}, func(ctx context.Context) error {
		old, tx = ctx, sqladapter.Tx(ctx)
		return exec(ctx, "a")
	})
	if err != nil {
		t.Fatal(err)
	}
	before := len(s.calls())
	if _, err := tx.ExecContext(context.Background(), "b"); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("kept: %v", err)
	}
	if _, err := sqladapter.Tx(old).ExecContext(context.Background(), "b"); !errors.Is(err, txctx.ErrAttemptOver) {
		t.Errorf("asked for again: %v", err)
	}
	if len(s.calls()) != before {
		t.Errorf("calls %v", s.calls()[before:])
	}
}
