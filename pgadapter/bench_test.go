package pgadapter_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

// BenchmarkLedger is an UPDATE of one row by each of 8 clients, on a server that waits
// for its disk, without a ledger and with one. Compare the two of one run.
func BenchmarkLedger(b *testing.B) {
	const clients = 8
	ctx := context.Background()
	server := pgtest.New(b, pgserver.Config{Durable: true})
	pool := pgtest.Pool(b, server.URL(), func(c *pgxpool.Config) { c.MaxConns = clients })
	for _, q := range []string{
		`create table account (id int primary key, n int not null)`,
		fmt.Sprintf(`insert into account select i, 0 from generate_series(1, %d) i`, clients),
	} {
		if _, err := pool.Exec(ctx, q); err != nil {
			b.Fatal(err)
		}
	}
	with := pgadapter.New(pool, pgadapter.Config{Ledger: ledger.Config{Table: ledger.DefaultTable}})
	if err := with.MigrateLedger(ctx); err != nil {
		b.Fatal(err)
	}
	for name, db := range map[string]*pgadapter.DB{"without": pgadapter.New(pool, pgadapter.Config{}), "with": with} {
		b.Run(name, func(b *testing.B) {
			var client atomic.Int64
			b.SetParallelism(clients / 2) // times GOMAXPROCS, which is 2 or more
			b.RunParallel(func(pb *testing.PB) {
				id := client.Add(1)%clients + 1
				for pb.Next() {
					err := txctx.Run(ctx, db, txctx.Options{}, func(ctx context.Context) error {
						_, err := pgadapter.Tx(ctx).Exec(ctx, `update account set n = n + 1 where id = $1`, id)
						return err
					})
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
