package pgadapter_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgbouncer"
	"github.com/reprise-go/reprise/internal/pgbouncer/bouncertest"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestBehindAPooler, in transaction mode: each transaction may have another of the
// server's connections. Everything works, and the outcome is found out by the backend's
// own number, not by the one the pooler has made up.
func TestBehindAPooler(t *testing.T) {
	server := pgtest.Shared(t)
	for _, mode := range modes {
		if mode == pgx.QueryExecModeCacheStatement {
			continue // of poolers before 1.21 nobody can keep statements
		}
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			p, err := pgproxy.New(server.Addr())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			pooler := bouncertest.New(t, pgbouncer.Config{Upstream: p.Addr(), Settings: map[string]string{
				"default_pool_size": "2",
			}})
			url := pgtest.Database(t, server)
			pool := pgtest.Pool(t, pgserver.Via(url, pooler.Addr()), func(c *pgxpool.Config) {
				c.MaxConns = 4
				c.ConnConfig.DefaultQueryExecMode = mode
			})
			b := &bed{t: t, pool: pool, db: pgadapter.New(pool, pgadapter.Config{})}
			if _, err := pool.Exec(t.Context(), `create table effect (attempt int)`); err != nil {
				t.Fatal(err)
			}
			for name, rule := range map[string]pgproxy.Rule{
				"nothing happens":        {When: pgproxy.SQL("no such text")},
				"the answer is lost":     {When: pgproxy.SQL("commit"), AwaitReply: true, Then: pgproxy.CutBoth},
				"COMMIT does not arrive": {When: pgproxy.SQL("commit"), Do: pgproxy.Drop, Then: pgproxy.CutBoth},
				"nor does the cut":       {When: pgproxy.SQL("commit"), Do: pgproxy.Drop, Then: pgproxy.CutClient, KeepServer: true},
			} {
				truncate(t, b)
				hit := p.Add(rule)
				_, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
					var n int
					return errors.Join(tx.QueryRow(ctx, `select $1::int`, 1).Scan(&n), effect(ctx, tx))
				})
				if got := b.effects(); err != nil || len(got) != 1 {
					t.Errorf("%s: error %v, effects %v", name, err, got)
				}
				if rule.Then != pgproxy.Nothing && hit.Count() != 1 {
					t.Errorf("%s: it did not", name)
				}
			}
		})
	}
}
