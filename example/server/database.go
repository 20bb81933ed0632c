package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/retryable"
)

// openDatabase connects to the database and brings it up to date, waiting for
// one that is not up yet. It tells what is wrong on one line, without the
// password.
func openDatabase(ctx context.Context, rawURL string, wait time.Duration) (*pgxpool.Pool, error) {
	cfg, err := parseURL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("-db: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("-db: %w", err)
	}
	startCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := migrate(startCtx, pool); err != nil {
		pool.Close()
		if ctx.Err() != nil {
			return nil, errors.New("stopped before the database was ready")
		}
		return nil, explain(err, wait)
	}
	return pool, nil
}

// parseURL is pgxpool.ParseConfig with errors that do not repeat the URL.
func parseURL(rawURL string) (*pgxpool.Config, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" { // the cause is not shown: it quotes, and what it quotes may be the password
		return nil, errors.New("malformed URL, want postgres://user:password@host:port/database " +
			"with special characters percent-encoded")
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("unknown scheme %q, want postgres://", u.Scheme)
	}
	cfg, err := pgxpool.ParseConfig(rawURL)
	if err != nil {
		return nil, fmt.Errorf("malformed URL: %s", withoutURL(err))
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	return cfg, nil
}

// withoutURL returns what pgx says after quoting the URL.
func withoutURL(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		return text[i+len("`: "):]
	}
	return "pgx does not take it"
}

// explain turns what went wrong at start into one line for the operator.
func explain(err error, wait time.Duration) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("the database says: %s (SQLSTATE %s)", refused.Message, refused.Code)
	}
	if exhausted, ok := errors.AsType[*retryable.ExhaustedError](err); ok && len(exhausted.Errs) > 0 {
		err = exhausted.Errs[0]
	}
	line := strings.Join(strings.Fields(err.Error()), " ")
	return fmt.Errorf("database unreachable within %v: %s", wait, line)
}
