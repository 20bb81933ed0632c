package pgproxy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

// TestLatency does not run beside other tests.
func TestLatency(t *testing.T) {
	p, via := start(t)
	c := connect(t, via)
	proxytest.Latency(t, p, func() error { return c.Ping(t.Context()) })
}

// TestLatencyKeepsTheRate reads much more than there are latencies for.
func TestLatencyKeepsTheRate(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	p.SetLatency(20*time.Millisecond, 20*time.Millisecond)
	c := connect(t, via)
	began := time.Now()
	rows, err := c.Query(t.Context(), "select repeat('x', 1000) from generate_series(1, 8000)")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(all) != 8000 {
		t.Fatal(len(all), err)
	}
	// 8000 rows, one after the other, would take 160 s.
	if d := time.Since(began); d < 40*time.Millisecond || d > 8*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestBigMessages goes beyond the queue's limit with a slow reader.
func TestBigMessages(t *testing.T) {
	t.Parallel()
	_, via := start(t)
	c := connect(t, via)
	arg := strings.Repeat("x", 6<<20)
	var n int
	if err := c.QueryRow(t.Context(), "select length($1::text || $1::text)", arg).Scan(&n); err != nil || n != 12<<20 {
		t.Error(n, err)
	}
	var got string
	if err := c.QueryRow(t.Context(), "select repeat('y', $1)", 9<<20).Scan(&got); err != nil || len(got) != 9<<20 {
		t.Error(len(got), err)
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	table, via := startTable(t)
	pool := pgtest.Pool(t, via, func(c *pgxpool.Config) { c.MaxConns = 4 })
	table.Storm(t, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "insert into t values ($1)", 1)
			return err
		})
	})
}
