package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	trmpgx "github.com/avito-tech/go-transaction-manager/drivers/pgxv5/v2"
	"github.com/avito-tech/go-transaction-manager/trm/v2/manager"
	"github.com/avito-tech/go-transaction-manager/trm/v2/settings"
	crdbpgx "github.com/cockroachdb/cockroach-go/v2/crdb/crdbpgxv5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/pgadapter"
)

const (
	getPG  = `select n from account where id = $1`
	addPG  = `update account set n = n + 1 where id = $1`
	sumAll = `select sum(n) from account`
	setPG  = `update account set n = $2 where id = $1`
)

// pgQuerier is what pgx's pools and transactions have in common.
type pgQuerier interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	QueryRow(context.Context, string, ...any) pgx.Row
}

type pgTx struct{ pgQuerier }

func (q pgTx) get(ctx context.Context, id int) (n int, err error) {
	return n, q.QueryRow(ctx, getPG, id).Scan(&n)
}

func (q pgTx) add(ctx context.Context, id int) error {
	_, err := q.Exec(ctx, addPG, id)
	return err
}

func (q pgTx) set(ctx context.Context, id, n int) error {
	_, err := q.Exec(ctx, setPG, id, n)
	return err
}

func pgOptions(w work) pgx.TxOptions {
	var o pgx.TxOptions
	switch {
	case w.weaker:
		o.IsoLevel = pgx.RepeatableRead
	case w.hot:
		o.IsoLevel = pgx.Serializable
	}
	if w.readOnly {
		o.IsoLevel, o.AccessMode = pgx.ReadCommitted, pgx.ReadOnly
	}
	return o
}

// postgres starts a server with the accounts in it.
func postgres(ctx context.Context) (*database, error) {
	server, err := pgserver.Start(ctx, pgserver.Config{Settings: map[string]string{"max_connections": "300"}})
	if err != nil {
		return nil, err
	}
	db := &database{stop: server.Close, runs: []byte("QE")} // Query, Execute
	for _, q := range []string{
		`create table account (id int primary key, n int not null) with (fillfactor = 50)`,
		`insert into account select i, 0 from generate_series(1, 10000) i`,
		ledger.Schema("postgres"),
		`vacuum analyze account`,
	} {
		if err := server.Exec(ctx, q); err != nil {
			return db, err
		}
	}
	if db.proxy, err = pgproxy.New(server.Addr()); err != nil {
		return db, err
	}
	db.dsn = func(far bool) string {
		if far {
			return server.URLVia(db.proxy.Addr())
		}
		return server.URL()
	}
	return db, nil
}

func pgVariants(ctx context.Context, url string, clients int) ([]variant, func(), error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, err
	}
	cfg.MaxConns = int32(min(2*clients, 32)) // some for transactions that end in the background
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	plain := stdlib.OpenDB(*cfg.ConnConfig)
	plain.SetMaxOpenConns(int(cfg.MaxConns))
	plain.SetMaxIdleConns(int(cfg.MaxConns))
	trm := manager.Must(trmpgx.NewDefaultFactory(pool))

	bare := by("pooled query", func(ctx context.Context, _ work, fn func(context.Context, querier) error) error {
		return fn(ctx, pgTx{pool})
	})
	bare.skips = func(w work) bool { return w.hot } // it would lose updates
	bare.sum = func(ctx context.Context) (n int, err error) {
		return n, pool.QueryRow(ctx, sumAll).Scan(&n)
	}
	loop := by("loop with jitter", func(ctx context.Context, w work, fn func(context.Context, querier) error) error {
		return jitter(ctx, func() error {
			return pgx.BeginTxFunc(ctx, pool, pgOptions(w), func(tx pgx.Tx) error { return fn(ctx, pgTx{tx}) })
		}, func(err error) bool {
			e, ok := errors.AsType[*pgconn.PgError](err)
			return ok && (e.Code == "40001" || e.Code == "40P01")
		})
	})
	loop.skips = func(w work) bool { return !w.hot }
	return []variant{
		bare,
		by("pgx.BeginFunc", func(ctx context.Context, w work, fn func(context.Context, querier) error) error {
			return pgx.BeginTxFunc(ctx, pool, pgOptions(w), func(tx pgx.Tx) error { return fn(ctx, pgTx{tx}) })
		}),
		by("crdbpgx.ExecuteTx", func(ctx context.Context, w work, fn func(context.Context, querier) error) error {
			return crdbpgx.ExecuteTx(ctx, pool, pgOptions(w), func(tx pgx.Tx) error { return fn(ctx, pgTx{tx}) })
		}),
		by("go-transaction-manager", func(ctx context.Context, w work, fn func(context.Context, querier) error) error {
			return trm.DoWithSettings(ctx, trmpgx.MustSettings(settings.Must(), trmpgx.WithTxOptions(pgOptions(w))), func(ctx context.Context) error {
				return fn(ctx, pgTx{trmpgx.DefaultCtxGetter.DefaultTrOrDB(ctx, pool)})
			})
		}),
		by("database/sql", func(ctx context.Context, w work, fn func(context.Context, querier) error) error {
			return inTx(ctx, plain, w, func(tx *sql.Tx) error { return fn(ctx, sqlTx{tx, true}) })
		}),
		loop,
		reprisePG("Reprise", pool, pgadapter.Config{}),
		reprisePG("Reprise, no verdict", pool, pgadapter.Config{NoVerdict: true}),
		reprisePG("Reprise, ledger", pool, pgadapter.Config{Ledger: ledger.Config{Table: ledger.DefaultTable}}),
	}, func() { pool.Close(); plain.Close() }, nil
}

func reprisePG(name string, pool *pgxpool.Pool, cfg pgadapter.Config) variant {
	return variant{name: name, serve: func(wk work) http.Handler {
		cfg.TxOptions = pgOptions(wk)
		return wrap(pgadapter.New(pool, cfg), wk, func(ctx context.Context) querier { return pgTx{pgadapter.Tx(ctx)} })
	}}
}
