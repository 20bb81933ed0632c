package pgadapter_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestWhatMayEndTheTransactionGoesWithoutBegin: if the answer to BEGIN is lost, nothing
// may have been committed with it.
//
// Mutation seen to fail it: ends returns false.
func TestWhatMayEndTheTransactionGoesWithoutBegin(t *testing.T) {
	b, p := newWire(t, pgadapter.Config{})
	p.Add(pgproxy.Rule{When: pgproxy.SQL("insert into"), AwaitReply: true, Then: pgproxy.CutBoth})
	_, err := b.run(txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into effect values (1); commit`)
		return err
	})
	if err == nil || len(b.effects()) != 1 {
		t.Errorf("error %v, effects %v", err, b.effects())
	}
}

// TestSeveralStatementsInOneText, and a text that ends in a comment.
func TestSeveralStatementsInOneText(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		for _, sql := range []string{
			`select attempt from effect; insert into effect values (1), (2); update effect set attempt = 3 -- all`,
			`update effect set attempt = 4 where attempt = 3;`,
		} {
			if tag, err := tx.Exec(ctx, sql); err != nil || tag.String() != "UPDATE 2" {
				t.Errorf("%s %v", tag, err)
			}
		}
		return nil
	})
	if runs != 1 || err != nil || len(b.effects()) != 2 {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestIsolationIsSetBeforeAnything: no query of ours comes before SET TRANSACTION, and
// none freezes the snapshot before LOCK.
//
// Mutation seen to fail it: kindOf without noSnapshot.
func TestIsolationIsSetBeforeAnything(t *testing.T) {
	b := newBed(t, pgadapter.Config{TxOptions: pgx.TxOptions{IsoLevel: pgx.RepeatableRead}})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		for _, sql := range []string{`set transaction isolation level serializable`, `set local lock_timeout = '1s'`, `lock table effect in exclusive mode; lock table locked`, `lock table tripwire`} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		if _, err := b.pool.Exec(ctx, `create table later (n int)`); err != nil {
			return err
		}
		if _, err := b.pool.Exec(ctx, `insert into later values (1)`); err != nil {
			return err
		}
		var n int
		var level string
		err := tx.QueryRow(ctx, `select count(*), current_setting('transaction_isolation') from later`).Scan(&n, &level)
		if n != 1 || level != "serializable" {
			t.Errorf("%d rows are seen, %s", n, level)
		}
		return errors.Join(err, effect(ctx, tx))
	})
	if runs != 1 || err != nil || len(b.effects()) != 1 {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestPreparedStatements are run by their names, however they are asked for.
func TestPreparedStatements(t *testing.T) {
	for _, mode := range modes {
		b := newBed(t, pgadapter.Config{}, in(mode), func(c *pgxpool.Config) {
			c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
				_, err := conn.Prepare(ctx, "one", "select 1 as n")
				return err
			}
		})
		for name, do := range map[string]func(ctx context.Context, tx pgx.Tx) error{
			"Exec":     func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, "one"); return err },
			"QueryRow": func(ctx context.Context, tx pgx.Tx) error { return tx.QueryRow(ctx, "one").Scan(new(int)) },
			"batch":    func(ctx context.Context, tx pgx.Tx) error { return tx.SendBatch(ctx, batch("one")).Close() },
		} {
			if name == "batch" && mode == pgx.QueryExecModeSimpleProtocol {
				continue // pgx does not know names there
			}
			if runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
				return errors.Join(do(ctx, tx), do(ctx, tx))
			}); runs != 1 || err != nil {
				t.Errorf("%v, %s: ran %d times, error %v", mode, name, runs, err)
			}
		}
	}
}

// TestOptionArguments and rewriters work for the first statement, too.
func TestOptionArguments(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	for name, args := range map[string][]any{
		"mode":           {pgx.QueryExecModeExec, 7},
		"formats":        {pgx.QueryResultFormats{0}, 7},
		"formats by OID": {pgx.QueryResultFormatsByOID{23: 0}, 7},
		"named":          {pgx.NamedArgs{"n": 7}},
	} {
		sql := `insert into effect values ($1) returning attempt`
		if name == "named" {
			sql = `insert into effect values (@n) returning attempt`
		}
		var got int
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, sql, args...).Scan(&got)
		})
		if runs != 1 || err != nil || got != 7 {
			t.Errorf("%s: ran %d times, error %v, got %d", name, runs, err, got)
		}
	}
}
