package pgadapter_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

// BenchmarkOutcome is an UPDATE of one row by each of 8 clients, on a server that waits
// for its disk, without means to find out the outcome of COMMIT, with PostgreSQL's own, and
// with a ledger. Compare those of one run.
func BenchmarkOutcome(b *testing.B) {
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
	for _, tt := range []struct {
		name string
		db   *pgadapter.DB
	}{
		{"blind", pgadapter.New(pool, pgadapter.Config{NoVerdict: true})},
		{"verdict", pgadapter.New(pool, pgadapter.Config{})},
		{"ledger", with},
	} {
		db := tt.db
		b.Run(tt.name, func(b *testing.B) {
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

// BenchmarkJoin is one statement in a transaction of its own, by one client, beside what
// pgx needs for it.
func BenchmarkJoin(b *testing.B) {
	ctx := context.Background()
	pool := pgtest.Pool(b, pgtest.New(b, pgserver.Config{}).URL(), nil)
	if _, err := pool.Exec(ctx, `create table account (id int primary key, n int not null); insert into account values (1, 0)`); err != nil {
		b.Fatal(err)
	}
	db := pgadapter.New(pool, pgadapter.Config{})
	read := func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select n from account where id = $1`, 1).Scan(new(int))
	}
	write := func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update account set n = n + 1 where id = $1`, 1)
		return err
	}
	for _, tt := range []struct {
		name string
		o    txctx.Options
		fn   func(ctx context.Context, tx pgx.Tx) error
	}{
		{"read", txctx.Options{ReadOnly: true}, read},
		{"write", txctx.Options{}, write},
	} {
		b.Run(tt.name+"/BeginFunc", func(b *testing.B) {
			for b.Loop() {
				if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return tt.fn(ctx, tx) }); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(tt.name+"/Run", func(b *testing.B) {
			for b.Loop() {
				if err := txctx.Run(ctx, db, tt.o, func(ctx context.Context) error { return tt.fn(ctx, pgadapter.Tx(ctx)) }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
