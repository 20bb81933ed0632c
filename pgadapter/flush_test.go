package pgadapter_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

var modes = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
}

// newWire is newBed with one connection, behind a proxy that counts.
func newWire(t *testing.T, cfg pgadapter.Config, configure ...func(*pgxpool.Config)) (*bed, *pgproxy.Proxy) {
	t.Helper()
	p, err := pgproxy.New(pgtest.Shared(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	host, port, err := net.SplitHostPort(p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return newBed(t, cfg, append([]func(*pgxpool.Config){func(c *pgxpool.Config) {
		c.MaxConns = 1
		c.ConnConfig.Tracer = nil
		c.ConnConfig.Host, c.ConnConfig.Port = host, uint16(n)
	}}, configure...)...), p
}

func in(mode pgx.QueryExecMode) func(*pgxpool.Config) {
	return func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode }
}

// TestFlushes counts how often a request waits for the server: for its statement with
// BEGIN, and for COMMIT. A cold connection prepares, and is probed if it may write.
//
// Mutation seen to fail it: begin alone (flushOf returns w.ready).
func TestFlushes(t *testing.T) {
	write := `insert into effect values ($1)`
	read := `select attempt from effect where attempt = $1`
	for _, mode := range modes {
		for name, tt := range map[string]struct {
			readOnly bool
			prepares bool
			fn       func(ctx context.Context, tx pgx.Tx) error
		}{
			"Exec": {false, true, func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, write, 1); return err }},
			"Exec as it is": {false, false, func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `insert into effect values (1)`)
				return err
			}},
			"Query": {false, true, func(ctx context.Context, tx pgx.Tx) error {
				return collect(tx.Query(ctx, write+" returning attempt", 1))
			}},
			"QueryRow": {false, true, func(ctx context.Context, tx pgx.Tx) error {
				return tx.QueryRow(ctx, write+" returning attempt", 1).Scan(new(int))
			}},
			"SendBatch": {false, true, func(ctx context.Context, tx pgx.Tx) error {
				return tx.SendBatch(ctx, batch(write[:len(write)-4]+"(1)", "select 1")).Close()
			}},
			"SendBatch half": {false, true, func(ctx context.Context, tx pgx.Tx) error {
				return halfABatch(tx.SendBatch(ctx, batch("select 1", write[:len(write)-4]+"(1)")))
			}},
			"Query, READ ONLY": {true, true, func(ctx context.Context, tx pgx.Tx) error { return collect(tx.Query(ctx, read, 1)) }},
			"a read":           {false, true, func(ctx context.Context, tx pgx.Tx) error { return collect(tx.Query(ctx, read, 1)) }},
		} {
			for _, cfg := range []pgadapter.Config{{}, {NoVerdict: true}} {
				t.Run(fmt.Sprintf("%v, %s, no verdict %v", mode, name, cfg.NoVerdict), func(t *testing.T) {
					t.Parallel()
					b, p := newWire(t, cfg, in(mode))
					flushes := func() int64 {
						p.ResetCounts()
						if runs, err := b.run(txctx.Options{ReadOnly: tt.readOnly}, tt.fn); runs != 1 || err != nil {
							t.Fatalf("ran %d times, error %v", runs, err)
						}
						return p.Flushes()
					}
					warm, cold := int64(2), int64(2)
					if tt.prepares && mode != pgx.QueryExecModeExec && mode != pgx.QueryExecModeSimpleProtocol {
						cold++
						if mode == pgx.QueryExecModeDescribeExec {
							warm++
						}
					}
					if !cfg.NoVerdict && !tt.readOnly {
						cold++
					}
					if n := flushes(); n != cold {
						t.Errorf("cold: %d, want %d: %q", n, cold, p.Queries())
					}
					if n := flushes(); n != warm {
						t.Errorf("warm: %d, want %d: %q", n, warm, p.Queries())
					}
				})
			}
		}
	}
}

func collect(rows pgx.Rows, err error) error {
	if err != nil {
		return err
	}
	_, err = pgx.CollectRows(rows, pgx.RowTo[int])
	return err
}

// halfABatch reads the first result only.
func halfABatch(br pgx.BatchResults) error {
	rows, err := br.Query()
	if err != nil {
		return err
	}
	rows.Next()
	return br.Close()
}

// TestErrorsKeepTheirMeaning: a first statement that fails gives the error that pgx gives
// for it within a transaction.
//
// Mutations seen to fail it: do not unwrap ErrPreprocessingBatch; do not put right the
// position.
func TestErrorsKeepTheirMeaning(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, pgadapter.Config{}, in(mode))
			for _, row := range []struct {
				sql  string
				args []any
			}{
				{"selec 1", nil},
				{"select 1 +", nil},
				{"insert into nosuch values (1)", nil},
				{"insert into nosuch values ($1)", []any{1}},
				{"select ünknown", nil},
				{"select 1/(1-1)", nil},
				{"select 1/$1::int", []any{0}},
				{"insert into effect values ($1)", []any{"x"}},
				{"insert into effect values ($1)", []any{make(chan int)}},
				{"insert into effect values ($1)", []any{int64(1) << 40}},
				{"select $1::int", []any{1, 2}},
				{"select 1; selec 2", nil},
				{"nosuchname", nil},
				{"commit prepared 'x'", nil},
				{"vacuum", nil},
			} {
				for how, do := range map[string]func(tx pgx.Tx) error{
					"Exec":  func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), row.sql, row.args...); return err },
					"Query": func(tx pgx.Tx) error { return collect(tx.Query(t.Context(), row.sql, row.args...)) },
				} {
					var want, got error
					_ = pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { want = do(tx); return want })
					_, _ = b.run(txctx.Options{}, func(_ context.Context, tx pgx.Tx) error { got = do(tx); return got })
					// Who counts arguments differs, and what it calls that.
					if got == nil || (got.Error() != want.Error() && len(row.args) < 2) || where(got) != where(want) {
						t.Errorf("%s %q: %v, position %d, want %v, position %d", how, row.sql, got, where(got), want, where(want))
					}
				}
			}
		})
	}
}

func where(err error) int32 {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Position
	}
	return 0
}

// TestAFirstStatementThatIsRefused fails the transaction, also where there is none on
// the server yet.
//
// Mutation seen to fail it: do not set failed.
func TestAFirstStatementThatIsRefused(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, pgadapter.Config{}, in(mode))
			for _, sql := range []string{"insert into nosuch values ($1)", "selec $1"} {
				runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
					_, _ = tx.Exec(ctx, sql, 1)
					errs := map[string]error{}
					_, errs["Exec"] = tx.Exec(ctx, `select 1`)
					_, errs["Begin"] = tx.Begin(ctx)
					_, errs["Prepare"] = tx.Prepare(ctx, "x", `select 1`)
					_, errs["CopyFrom"] = tx.CopyFrom(ctx, pgx.Identifier{"effect"}, []string{"attempt"}, pgx.CopyFromRows(nil))
					errs["Query"] = collect(tx.Query(ctx, `select 1`))
					errs["QueryRow"] = tx.QueryRow(ctx, `select 1`).Scan(new(int))
					errs["SendBatch"] = tx.SendBatch(ctx, batch("select 1")).Close()
					for name, err := range errs {
						if sqlState(err) != "25P02" {
							t.Errorf("%s: %v", name, err)
						}
					}
					return nil // swallowed
				})
				if runs != 1 || !errors.Is(err, pgx.ErrTxCommitRollback) || sqlState(err) == "25P02" || sqlState(err) == "" {
					t.Errorf("ran %d times, error %v", runs, err)
				}
			}
			// What never reached the server has failed nothing.
			runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, `insert into effect values ($1)`, make(chan int)); err == nil {
					t.Error("a channel was sent")
				}
				return effect(ctx, tx)
			})
			if runs != 1 || err != nil || len(b.effects()) != 1 {
				t.Errorf("ran %d times, error %v", runs, err)
			}
		})
	}
}

// TestArgumentsThatCannotBeEncoded cost one connection for a statement, and not one each
// time.
//
// Mutation seen to fail it: setAlone does nothing.
func TestArgumentsThatCannotBeEncoded(t *testing.T) {
	b := newBed(t, pgadapter.Config{}, func(c *pgxpool.Config) { c.MaxConns = 1 })
	for range 5 {
		_, _ = b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `insert into effect values ($1)`, int64(1)<<40)
			if err == nil {
				t.Error("it was encoded")
			}
			return err
		})
	}
	if n := b.pool.Stat().NewConnsCount(); n > 2 {
		t.Errorf("%d connections", n)
	}
}

// TestATransactionInABatch is refused, as pgx does it, and pgx's own transaction is not
// handed out.
func TestATransactionInABatch(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		bad := new(pgx.Batch)
		bad.BeginTx(pgx.TxOptions{})
		br := tx.SendBatch(ctx, bad)
		if err := br.Close(); err == nil || br.Tx().Commit(ctx) == nil {
			t.Errorf("Close: %v", err)
		}
		for range 2 {
			br = tx.SendBatch(ctx, batch("insert into effect values (1)"))
			if br.Tx() != nil {
				t.Error("pgx's transaction was handed out")
			}
			if err := br.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	if runs != 1 || err != nil || len(b.effects()) != 2 {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}
