package mysqladapter_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestOutsideIsAutocommit: what is done through the pool outside of attempts is committed
// at once, on a connection that attempts have used, in every way that database/sql has.
//
// Mutations seen to fail it: no ready in ExecContext, in QueryContext, in a statement.
func TestOutsideIsAutocommit(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	pool := b.db.SQL()
	pool.SetMaxOpenConns(1)
	ctx := t.Context()
	attempt := func() {
		t.Helper()
		if _, err := b.run(txctx.Options{}, effect); err != nil {
			t.Fatal(err)
		}
	}
	watcher, err := sql.Open("mysql", b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	seen := func() (n int) {
		t.Helper()
		if err := watcher.QueryRowContext(ctx, `select count(*) from effect`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	prepared, err := pool.PrepareContext(ctx, `insert into effect values (?)`)
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	for name, insert := range map[string]func() error{
		"Exec":           func() error { _, err := pool.ExecContext(ctx, `insert into effect values (90)`); return err },
		"Exec with args": func() error { _, err := pool.ExecContext(ctx, `insert into effect values (?)`, 90); return err },
		"prepared":       func() error { _, err := prepared.ExecContext(ctx, 90); return err },
		"QueryRow": func() error {
			return pool.QueryRowContext(ctx, `insert into effect values (90) returning attempt`).Scan(new(int))
		},
		"QueryRow with arg": func() error {
			return pool.QueryRowContext(ctx, `insert into effect values (?) returning attempt`, 90).Scan(new(int))
		},
		"a transaction": func() error {
			tx, err := pool.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.ExecContext(ctx, `insert into effect values (90)`); err != nil {
				return err
			}
			return tx.Commit()
		},
	} {
		t.Run(name, func(t *testing.T) {
			attempt()
			before := seen()
			if err := insert(); err != nil {
				t.Fatal(err)
			}
			if n := seen(); n != before+1 {
				t.Errorf("%d effects, want %d", n, before+1)
			}
			attempt()
		})
	}
}

// TestAutocommitBelongsToTheTransaction: setting it would commit.
//
// Mutation seen to fail it: let it pass.
func TestAutocommitBelongsToTheTransaction(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		return errors.Join(effect(ctx), exec(ctx, `set autocommit = 1`))
	})
	if runs != 1 || !errors.Is(err, txctx.ErrManaged) || b.effects() != 0 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, b.effects())
	}
}

// TestWhatAHandlerSetsIsUndone: isolation and access mode of the session are the
// adapter's.
//
// Mutation seen to fail it: believe in what was set before.
func TestWhatAHandlerSetsIsUndone(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	b.db.SQL().SetMaxOpenConns(1)
	if _, err := b.run(txctx.Options{}, func(ctx context.Context) error { return exec(ctx, `set session tx_read_only = 1`) }); err != nil {
		t.Fatal(err)
	}
	if runs, err := b.run(txctx.Options{}, effect); runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestASavepointMayComeFirst, before anything has begun on the server.
func TestASavepointMayComeFirst(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	if _, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		return errors.Join(exec(ctx, `savepoint a`), exec(ctx, `insert into effect values (90)`), exec(ctx, `rollback to a`), effect(ctx))
	}); err != nil || b.effects() != 1 {
		t.Errorf("error %v, %d effects", err, b.effects())
	}
}

// TestStatementsAreKept: the second request waits for the statement and for COMMIT, and
// nothing else.
//
// Mutation seen to fail it: keep none.
func TestStatementsAreKept(t *testing.T) {
	b, p := proxied(t, "", mysqladapter.Config{})
	b.db.SQL().SetMaxOpenConns(1)
	for n, want := range []int64{4, 2, 2} { // SET, prepare, execute, COMMIT
		p.ResetCounts()
		if _, err := b.run(txctx.Options{}, func(ctx context.Context) error {
			return exec(ctx, `update counter set n = n + ? where id = ?`, 1, 1)
		}); err != nil || p.Flushes() != want {
			t.Errorf("request %d: %d round trips, want %d; error %v", n, p.Flushes(), want, err)
		}
	}
	// What the server prepares anew by itself.
	b.outside(`alter table counter add column m integer not null default 7`)
	if _, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		return exec(ctx, `update counter set n = n + ? where id = ?`, 1, 1)
	}); err != nil {
		t.Error(err)
	}
}

// TestStatementsKeptAreFew, whatever texts a program makes.
//
// Mutation seen to fail it: keep all.
func TestStatementsKeptAreFew(t *testing.T) {
	b := bedOn(t, mariatest.Database(t, mariatest.New(t, mariaserver.Config{})), mysqladapter.Config{})
	kept := 0
	if _, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		tx := mysqladapter.Tx(ctx)
		for n := range 200 {
			if err := tx.QueryRowContext(ctx, fmt.Sprintf(`select ? + %d`, n), 1).Scan(new(int)); err != nil {
				return err
			}
		}
		return tx.QueryRowContext(ctx, `show global status like 'Prepared_stmt_count'`).Scan(new(string), &kept)
	}); err != nil {
		t.Fatal(err)
	}
	if kept != 64 {
		t.Errorf("%d statements are prepared on the server, want 64", kept)
	}
}

// TestTooManyStatements: where the server has no room for another, the connection gives
// up its own.
//
// Mutation seen to fail it: return the error.
func TestTooManyStatements(t *testing.T) {
	server := mariatest.New(t, mariaserver.Config{Settings: map[string]string{"max_prepared_stmt_count": "5"}})
	b := bedOn(t, mariatest.Database(t, server), mysqladapter.Config{})
	if _, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		for n := range 20 {
			if err := mysqladapter.Tx(ctx).QueryRowContext(ctx, fmt.Sprintf(`select ? + %d`, n), 1).Scan(new(int)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestAStatementWithTooFewArguments says so, and costs nothing else.
func TestAStatementWithTooFewArguments(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		return exec(ctx, `update counter set n = ? where id = ?`, 1)
	})
	if err == nil || err.Error() != "sql: expected 2 arguments, got 1" || retryable.ReasonOf(err) != retryable.None || runs != 1 {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}
