package pgadapter_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// old returns a pool of n idle connections that lead to a primary on its way down:
// what is made later leads to the next one.
func old(t *testing.T, n int32) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.Pool(t, pgtest.Database(t, pgtest.Shared(t)), func(c *pgxpool.Config) { c.MaxConns = n })
	ctx := t.Context()
	for _, q := range []string{`create table effect (n int)`, ledger.Config{Table: "reprise_ledger"}.Schema("postgres")} {
		if _, err := pool.Exec(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	var conns []*pgxpool.Conn
	for range n {
		c, err := pool.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(ctx, `set default_transaction_read_only = on`); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		c.Release()
	}
	return pool
}

// TestAfterAFailoverNoOldConnectionIsUsed: they lead where the one led that answered 25006.
//
// Mutation seen to fail it: failedOver does nothing.
func TestAfterAFailoverNoOldConnectionIsUsed(t *testing.T) {
	pool := old(t, 10)
	db := pgadapter.New(pool, pgadapter.Config{})
	runs := 0
	err := txctx.Run(t.Context(), db, txctx.Options{}, func(ctx context.Context) error {
		runs++
		_, err := pgadapter.Tx(ctx).Exec(ctx, `insert into effect values (1)`)
		return err
	})
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestARowOfTheLedgerThatIsRefusedAsReadOnly: the server did not go on to COMMIT, so there
// is nothing to look up.
//
// Mutation seen to fail it: verdict takes no notice of the transaction.
func TestARowOfTheLedgerThatIsRefusedAsReadOnly(t *testing.T) {
	pool := old(t, 1)
	db := pgadapter.New(pool, pgadapter.Config{Ledger: ledger.Config{Table: "reprise_ledger"}})
	var kinds []string
	o := txctx.Options{Observe: func(_ context.Context, e txctx.Event) {
		if e.Kind == txctx.OutcomeLookedUp || e.Kind == txctx.ReplayScheduled {
			kinds = append(kinds, e.Kind.String()+" "+e.Reason.String())
		}
	}}
	err := txctx.Run(t.Context(), db, o, func(ctx context.Context) error {
		var n int
		return pgadapter.Tx(ctx).QueryRow(ctx, `select 1`).Scan(&n)
	})
	if err != nil || len(kinds) > 1 || len(kinds) == 1 && kinds[0] != "replay_scheduled "+retryable.Failover.String() {
		t.Errorf("error %v, events %v", err, kinds)
	}
}
