package pgproxy_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	. "github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func tryConnect(t *testing.T, url string) error {
	c, err := pgx.Connect(t.Context(), url)
	if err == nil {
		c.Close(t.Context())
	}
	return err
}

// TestLatency is about 1 ms of it. It does not run beside other tests.
func TestLatency(t *testing.T) {
	p, via := start(t)
	c := connect(t, via)
	measure := func() (low, middle time.Duration) {
		all := make([]time.Duration, 200)
		for i := range all {
			began := time.Now()
			if err := c.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			all[i] = time.Since(began)
		}
		slices.Sort(all)
		return all[0], all[len(all)/2]
	}
	low0, middle0 := measure()
	p.SetLatency(500*time.Microsecond, 500*time.Microsecond)
	low, middle := measure()
	t.Logf("lowest and median round trip: %v, %v; with 1 ms: %v, %v", low0, middle0, low, middle)
	if low < time.Millisecond {
		t.Errorf("too fast: %v", low)
	}
	if extra := low - low0; extra > 1500*time.Microsecond {
		t.Errorf("too slow: %v more", extra)
	}
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

// TestSchedule works through a storm: every client comes to an end, and what
// was acknowledged is there.
func TestSchedule(t *testing.T) {
	t.Parallel()
	p, via, direct := startDB(t)
	var drawn atomic.Int64
	p.SetSchedule(Schedule{Seed: 1, EveryConns: 3, EveryMessages: 40, Logf: func(format string, args ...any) {
		drawn.Add(1)
	}})
	pool := pgtest.Pool(t, via, func(c *pgxpool.Config) { c.MaxConns = 4 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var acknowledged, failed atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, "insert into t values ($1)", 1)
					return err
				})
				if err == nil {
					acknowledged.Add(1)
				} else {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		t.Fatal("a client hung")
	}
	n := int64(rows(t, connect(t, direct), 1))
	t.Logf("%d faults drawn, %d fired; %d acknowledged, %d failed, %d rows", drawn.Load()-1, p.Faults(), acknowledged.Load(), failed.Load(), n)
	if n < acknowledged.Load() || n > 200 {
		t.Errorf("%d rows, %d acknowledged", n, acknowledged.Load())
	}
	if p.Faults() == 0 || failed.Load() == 0 {
		t.Error("no faults")
	}
}
