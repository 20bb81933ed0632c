package pgadapter_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var readOnce = txctx.Options{ReadOnly: true, Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}

// newResting is newWire whose connection rests until it is woken.
func newResting(t *testing.T, configure ...func(*pgxpool.Config)) (*bed, *pgproxy.Proxy) {
	t.Helper()
	b, p := newWire(t, reading(pgx.ReadCommitted), configure...)
	b.linger(time.Hour, time.Hour)
	return b, p
}

// linger sets how long connections rest, and how long they go round.
func (b *bed) linger(linger, held time.Duration) {
	b.db.Linger(linger, held)
	b.t.Cleanup(b.db.Wake) // or closing the pool would wait for it
}

func (b *bed) read() {
	b.t.Helper()
	if _, err := b.run(readOnce, selectOne); err != nil {
		b.t.Error(err)
	}
}

// TestRest_TheEndTravelsWithTheNextBegin: after a plain read, the next transaction costs
// no round trip for the end of that, and is one of its own.
//
// Mutations seen to fail it: opening leaves the end out; says COMMIT AND CHAIN to a READ
// WRITE one; shift forgets it.
func TestRest_TheEndTravelsWithTheNextBegin(t *testing.T) {
	for _, mode := range modes {
		for name, tt := range map[string]struct {
			readOnly bool
			flushes  int64
			code     string
			fn       func(ctx context.Context, tx pgx.Tx) error
		}{
			"read": {true, 1, "", selectOne},
			"SHOW": {true, 1, "", func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, `show port`); return err }},
			"write": {false, 2, "", func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `insert into effect values ($1)`, 1)
				return err
			}},
			"text": {false, 2, "", func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `insert into effect values (1)`)
				return err
			}},
			"batch": {false, 2, "", func(ctx context.Context, tx pgx.Tx) error {
				return tx.SendBatch(ctx, batch(`select 1`, `insert into effect values (1)`)).Close()
			}},
			"by itself": {false, 5, "", func(ctx context.Context, tx pgx.Tx) error {
				return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, `insert into effect values (1)`)
					return err
				})
			}},
			"refused": {false, 0, "42601", func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `select 1 from from x where $1`, 1)
				return err
			}},
			"refused text":       {false, 0, "42601", func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, `select 1 from from x`); return err }},
			"refused as written": {true, 0, "25006", effect},
			"failed":             {false, 0, "22012", func(ctx context.Context, tx pgx.Tx) error { return collect(tx.Query(ctx, `select 1/$1::int`, 0)) }},
		} {
			t.Run(mode.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				b, p := newResting(t, in(mode))
				var flushes int64
				for range 3 { // the first is cold, and probes before BEGIN
					if err := b.truncate(); err != nil {
						t.Fatal(err)
					}
					b.read()
					p.ResetCounts()
					runs, err := b.run(txctx.Options{ReadOnly: tt.readOnly}, tt.fn)
					flushes = p.Flushes()
					if runs != 1 || sqlState(err) != tt.code {
						t.Errorf("ran %d times, error %v", runs, err)
					}
					if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42601" && e.Position != 15 {
						t.Errorf("the mistake is said to be at %d", e.Position)
					}
					b.db.Wake()
				}
				if want := 1; !tt.readOnly && tt.code == "" && len(b.effects()) != want {
					t.Errorf("effects %v", b.effects())
				}
				prepares := int64(0)
				if mode == pgx.QueryExecModeDescribeExec && name != "text" && name != "SHOW" && name != "by itself" {
					prepares = 1
				}
				if tt.flushes > 0 && flushes != tt.flushes+prepares {
					t.Errorf("%d flushes, want %d", flushes, tt.flushes+prepares)
				}
				if n := b.pool.Stat().NewConnsCount(); n != 1 {
					t.Errorf("%d connections were made", n)
				}
			})
		}
	}
}

func (b *bed) truncate() error {
	_, err := b.pool.Exec(context.Background(), `truncate effect`)
	return err
}

// TestRest_EachIsATransactionOfItsOwn: with a clock and, at REPEATABLE READ, a snapshot of
// its own.
//
// Mutation seen to fail it: opening returns nothing for a transaction like the one before.
func TestRest_EachIsATransactionOfItsOwn(t *testing.T) {
	b := newBed(t, reading(pgx.RepeatableRead))
	b.linger(time.Hour, time.Hour)
	var last time.Time
	for n := range 3 {
		if _, err := b.run(readOnce, func(ctx context.Context, tx pgx.Tx) error {
			var count int
			var now time.Time
			err := tx.QueryRow(ctx, `select count(*), now() from effect`).Scan(&count, &now)
			if count != n || !now.After(last) {
				t.Errorf("%d: %d rows, at %v after %v", n, count, now, last)
			}
			last = now
			return err
		}); err != nil {
			t.Error(err)
		}
		if _, err := b.pool.Exec(t.Context(), `insert into effect values (1)`); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.pool.Stat().AcquiredConns(); n != 1 {
		t.Errorf("%d connections rest", n)
	}
	b.db.Wake()
}

// TestRest_DiedMeanwhile costs no replay.
//
// Mutation seen to fail it: connect does not try again.
func TestRest_DiedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]bool{"read": false, "write": true} {
		b, p := newResting(t)
		b.read()
		p.CutAll(pgproxy.FIN)
		runs, err := b.run(txctx.Options{ReadOnly: !write}, func(ctx context.Context, tx pgx.Tx) error {
			if write {
				return effect(ctx, tx)
			}
			return selectOne(ctx, tx)
		})
		if runs != 1 || err != nil {
			t.Errorf("%s: ran %d times, error %v", name, runs, err)
		}
		b.db.Wake()
	}
}

// TestRest_IsGivenBack, when nobody takes it, and when it has gone round for long enough.
//
// Mutations seen to fail it: no timer; held for ever.
func TestRest_IsGivenBack(t *testing.T) {
	for name, limits := range map[string][2]time.Duration{
		"nobody came": {time.Millisecond, time.Hour},
		"long enough": {time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, reading(pgx.ReadCommitted))
			b.linger(limits[0], limits[1])
			for range 2 {
				b.read()
			}
			dbtest.Within(t, 5*time.Second, "nothing in use", func() bool { return b.pool.Stat().AcquiredConns() == 0 })
		})
	}
}

// TestRest_NotPastTheHooksOfThePool: what PrepareConn and the like do, they do for each
// transaction. It may be the tenant that they set.
//
// Mutation seen to fail it: restable says yes.
func TestRest_NotPastTheHooksOfThePool(t *testing.T) {
	for name, set := range map[string]func(c *pgxpool.Config, called func()){
		"PrepareConn": func(c *pgxpool.Config, called func()) {
			c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { called(); return true, nil }
		},
		"BeforeAcquire": func(c *pgxpool.Config, called func()) {
			c.BeforeAcquire = func(context.Context, *pgx.Conn) bool { called(); return true } //nolint:staticcheck // users have it
		},
		"AfterRelease": func(c *pgxpool.Config, called func()) {
			c.AfterRelease = func(*pgx.Conn) bool { called(); return true }
		},
	} {
		calls := make(chan struct{}, 100)
		b := newBed(t, reading(pgx.ReadCommitted), func(c *pgxpool.Config) {
			set(c, func() { calls <- struct{}{} })
		})
		b.linger(time.Hour, time.Hour)
		for range 5 {
			b.read()
		}
		dbtest.Within(t, 5*time.Second, name+" was called", func() bool { return len(calls) >= 5 })
	}
}

// TestRest_AHookIsRunWithTheConnectionBack, also after reads that rested.
func TestRest_AHookIsRunWithTheConnectionBack(t *testing.T) {
	b := newBed(t, reading(pgx.ReadCommitted), func(c *pgxpool.Config) { c.MaxConns = 1 })
	b.linger(time.Hour, time.Hour)
	b.read()
	asked := errors.New("the hook did not run")
	if _, err := b.run(readOnce, func(ctx context.Context, tx pgx.Tx) error {
		txctx.AfterCommit(ctx, func(ctx context.Context) { asked = b.pool.Ping(ctx) })
		return selectOne(ctx, tx)
	}); err != nil || asked != nil {
		t.Errorf("error %v, hook %v", err, asked)
	}
}
