package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/pgadapter"
)

// connectTimeout bounds every try to reach a server.
const connectTimeout = 5 * time.Second

// openPostgres returns the PostgreSQL database of the URL.
func openPostgres(rawURL string) (*database, error) {
	cfg, err := pgxpool.ParseConfig(rawURL)
	if err != nil {
		return nil, fmt.Errorf("malformed URL: %s", withoutURL(err))
	}
	conn := cfg.ConnConfig
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTimeout
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg) // no I/O yet
	if err != nil {
		return nil, err
	}
	return &database{
		engine: "postgres",
		name:   "PostgreSQL at " + net.JoinHostPort(conn.Host, strconv.Itoa(int(conn.Port))),
		requests: pgadapter.New(pool, pgadapter.Config{
			TxOptions: pgx.TxOptions{IsoLevel: pgx.Serializable},
			Ledger:    recorded,
		}),
		// Every statement must see what the other server committed while we
		// waited for the lock.
		jobs:  pgadapter.New(pool, pgadapter.Config{TxOptions: pgx.TxOptions{IsoLevel: pgx.ReadCommitted}}),
		lock:  lockPostgres,
		ping:  pool.Ping,
		close: pool.Close,
	}, nil
}

// lockPostgres holds the lock until the transaction ends.
func lockPostgres(ctx context.Context) (func(context.Context) error, error) {
	const number = 5_264_730_491
	_, err := tx(ctx).exec(ctx, `select pg_advisory_xact_lock(?)`, number)
	return noUnlock, err
}

// withoutURL returns what pgx says after quoting the URL.
func withoutURL(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		return text[i+len("`: "):]
	}
	return "pgx does not take it"
}
