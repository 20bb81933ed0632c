package pgadapter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var withLedger = pgadapter.Config{Ledger: ledger.Config{Table: "ledger", Retention: time.Hour}}

func newLedgerBed(t *testing.T) *bed {
	t.Helper()
	b := newBed(t, withLedger)
	if err := b.db.MigrateLedger(context.Background()); err != nil {
		t.Fatal(err)
	}
	return b
}

// rows returns how many rows there are in the ledger.
func (b *bed) rows(where string) (n int) {
	b.t.Helper()
	if err := b.pool.QueryRow(context.Background(), `select count(*) from ledger `+where).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestLedgerRows: one for a transaction that wrote something, with the attempt that
// did, and none for any other.
//
// Mutation seen to fail it: insert values instead of select ... where.
func TestLedgerRows(t *testing.T) {
	b := newLedgerBed(t)
	read := func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, `select 1`); return err }
	for name, tt := range map[string]struct {
		o    txctx.Options
		fn   func(ctx context.Context, tx pgx.Tx) error
		want int
	}{
		"a write":            {txctx.Options{}, effect, 1},
		"a read":             {txctx.Options{}, read, 0},
		"READ ONLY":          {txctx.Options{ReadOnly: true}, read, 0},
		"nothing at all":     {txctx.Options{}, func(context.Context, pgx.Tx) error { return nil }, 0},
		"a failure":          {txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error { return errors.Join(effect(ctx, tx), errors.New("x")) }, 0},
		"a rollback on wish": {txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error { txctx.Rollback(ctx); return effect(ctx, tx) }, 0},
	} {
		before := b.rows("")
		_, _ = b.run(tt.o, tt.fn)
		if got := b.rows("") - before; got != tt.want {
			t.Errorf("%s: %d rows, want %d", name, got, tt.want)
		}
	}
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		if txctx.AttemptOf(ctx).Number < 3 {
			return retryable.Mark(errors.New("again"))
		}
		return effect(ctx, tx)
	})
	if runs != 3 || err != nil || b.rows("where attempt = 3 and not void") != 1 {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestLedgerTableIsMissing: nothing is committed, and the error says what is missing.
func TestLedgerTableIsMissing(t *testing.T) {
	b := newBed(t, withLedger)
	runs, err := b.run(txctx.Options{}, effect)
	if runs != 1 || sqlState(err) != "42P01" || !strings.Contains(err.Error(), `"ledger"`) || len(b.effects()) != 0 {
		t.Errorf("ran %d times, error %v, effects %v", runs, err, b.effects())
	}
	if n := b.pool.Stat().NewConnsCount(); n > 1 { // the one that was refused is clean again
		t.Errorf("%d connections were made", n)
	}
	// Ten servers start together.
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := b.db.MigrateLedger(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if runs, err := b.run(txctx.Options{}, effect); runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestPurgeLedger deletes what is old, however much it is.
func TestPurgeLedger(t *testing.T) {
	b := newLedgerBed(t)
	old := ledger.PurgeBatch + 10
	if _, err := b.pool.Exec(context.Background(), fmt.Sprintf(`
		insert into ledger (run, attempt, created_at) select gen_random_uuid(), 1, now() - interval '61 minutes' from generate_series(1, %d)
		union all select gen_random_uuid(), 2, now() - interval '59 minutes'`, old)); err != nil {
		t.Fatal(err)
	}
	n, err := b.db.PurgeLedger(context.Background())
	if n != int64(old) || err != nil || b.rows("") != 1 || b.rows("where attempt = 2") != 1 {
		t.Errorf("%d deleted, error %v, %d left", n, err, b.rows(""))
	}
}

// TestWithoutALedger the methods say so.
func TestWithoutALedger(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	_, purge := b.db.PurgeLedger(context.Background())
	for _, err := range []error{b.db.MigrateLedger(context.Background()), purge} {
		if err == nil || !strings.Contains(err.Error(), "Config.Ledger.Table is empty") {
			t.Error(err)
		}
	}
	defer func() {
		if v := recover(); v != `pgadapter: New: Config.Ledger.Table: "x y" is no plain name of a table` {
			t.Errorf("panicked with %v", v)
		}
	}()
	pgadapter.New(b.pool, pgadapter.Config{Ledger: ledger.Config{Table: "x y"}})
}
