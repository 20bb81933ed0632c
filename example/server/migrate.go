package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// migrations has a folder for each engine. Those of MySQL, where CREATE TABLE
// commits, must be able to stop and begin again in the middle.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the database up to date, in one transaction where the engine has
// them for tables.
//
// It is a job, not a request, so it calls the engine itself, with the patience of
// a job: it waits for a database that is not up yet, until ctx ends. Because each
// migration is recorded, running them twice is running them once; that is what
// Idempotent says, and so even a COMMIT without an answer is simply repeated. On
// MySQL its first CREATE TABLE is a fence: from there on, a failure is final, and
// the next start goes on where this one stopped.
func migrate(ctx context.Context, db *database) error {
	return txctx.Run(ctx, db.jobs, txctx.Options{Retry: retryable.Persistent(), Idempotent: true},
		func(ctx context.Context) error { return runMigrations(ctx, db) })
}

func runMigrations(ctx context.Context, db *database) error {
	unlock, err := db.lock(ctx)
	if err != nil {
		return err
	}
	_, err = tx(ctx).exec(ctx, `create table if not exists migrations (
		name varchar(100) primary key, done_at timestamp not null default current_timestamp)`)
	if err != nil {
		return err
	}
	names, err := fs.Glob(migrations, "migrations/"+db.engine+"/*.sql") // in order
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := runMigration(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := seed(ctx); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return unlock(ctx)
}

func runMigration(ctx context.Context, name string) error {
	var done int
	err := tx(ctx).queryRow(ctx, `select count(*) from migrations where name=?`, name).Scan(&done)
	if err != nil || done > 0 {
		return err
	}
	text, err := fs.ReadFile(migrations, name)
	if err != nil {
		return err
	}
	for statement := range strings.SplitSeq(strings.TrimSpace(string(text)), ";\n") {
		if _, err := tx(ctx).exec(ctx, statement); err != nil {
			return err
		}
	}
	_, err = tx(ctx).exec(ctx, `insert into migrations (name) values (?)`, name)
	return err
}
