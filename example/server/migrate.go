package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

//go:embed migrations/*.sql
var migrations embed.FS

//go:embed seed.sql
var seed string

// migrate brings the database up to date, in one transaction.
//
// It is a job, not a request, so it calls the engine itself, with the patience of
// a job: it waits for a database that is not up yet, until ctx ends. Because each
// migration records itself, running them twice is running them once; that is what
// Idempotent says, and so even a COMMIT without an answer is simply repeated.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	// READ COMMITTED: every statement must see what the other server committed
	// while we waited for the lock.
	db := pgadapter.New(pool, pgadapter.Config{TxOptions: pgx.TxOptions{IsoLevel: pgx.ReadCommitted}})
	return txctx.Run(ctx, db, txctx.Options{Retry: retryable.Persistent(), Idempotent: true}, runMigrations)
}

// migrationLock keeps two servers that start together apart.
const migrationLock = 5_264_730_491

func runMigrations(ctx context.Context) error {
	tx := pgadapter.Tx(ctx)
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, migrationLock); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `create table if not exists migration (name text primary key, done_at timestamptz not null default now())`)
	if err != nil {
		return err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql") // in order
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := runMigration(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	_, err = tx.Exec(ctx, seed)
	return err
}

func runMigration(ctx context.Context, name string) error {
	tx := pgadapter.Tx(ctx)
	tag, err := tx.Exec(ctx, `insert into migration (name) values ($1) on conflict do nothing`, name)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	sql, err := fs.ReadFile(migrations, name)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, string(sql))
	return err
}
