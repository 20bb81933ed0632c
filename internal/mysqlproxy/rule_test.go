package mysqlproxy_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
)

// TestEveryByte ends an exchange at each of its bytes.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	p, via, _ := start(t)
	ask := func() error {
		c := connect(t, via)
		defer p.CutAll(FIN)
		var n int
		return c.QueryRowContext(t.Context(), "select 1").Scan(&n)
	}
	for _, dir := range []Dir{Up, Down} {
		n := int64(0)
		for ; ; n++ {
			if n > 200 {
				t.Fatal("it does not end")
			}
			hit := p.Add(Rule{When: Byte(dir, n), Do: Drop, Then: CutBoth, How: How(n % 2)})
			err := ask()
			if hit.Count() == 0 { // there is no such byte
				hit.Remove()
				if err != nil {
					t.Errorf("%s %d: %v", dir, n, err)
				}
				break
			}
			if err == nil {
				t.Errorf("%s %d: no error", dir, n)
			}
		}
		// Command and text; how many columns, the column, its row, the OK.
		want := map[Dir]int64{Up: 4 + 1 + 8, Down: 4 + 2 + 4 + 23 + 4 + 2 + 4 + 7}[dir]
		if n != want {
			t.Errorf("%d bytes %s, want %d", n, dir, want)
		}
	}
}

// TestStartUp cuts within the start-up phase.
func TestStartUp(t *testing.T) {
	t.Parallel()
	p, via, _ := start(t)
	for _, when := range []Trigger{Byte(Up, 0), Byte(Up, 10), Byte(Down, 0), Byte(Down, 30),
		mysqlproxy.Message(Up, mysqlproxy.Data), mysqlproxy.Message(Down, mysqlproxy.Handshake), mysqlproxy.Message(Down, mysqlproxy.OK)} {
		hit := p.Add(Rule{When: when, FromStart: true, Do: Drop, Then: CutBoth, Times: -1})
		if err := open(t, via).PingContext(t.Context()); err == nil {
			t.Error("connected")
		}
		if hit.Count() == 0 {
			t.Errorf("%s: did not fire", when)
		}
		hit.Remove()
	}
	if err := open(t, via).PingContext(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLatency is about 1 ms of it. It does not run beside other tests.
func TestLatency(t *testing.T) {
	p, via, _ := start(t)
	c := connect(t, via)
	measure := func() time.Duration {
		all := make([]time.Duration, 200)
		for i := range all {
			began := time.Now()
			if err := c.PingContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			all[i] = time.Since(began)
		}
		return slices.Min(all)
	}
	without := measure()
	p.SetLatency(500*time.Microsecond, 500*time.Microsecond)
	with := measure()
	t.Logf("lowest round trip: %v; with 1 ms: %v", without, with)
	if with < time.Millisecond || with-without > 1500*time.Microsecond {
		t.Error("not exact")
	}
}

// TestSchedule works through a storm: every client comes to an end, and what was
// acknowledged is there.
func TestSchedule(t *testing.T) {
	t.Parallel()
	p, via, direct := start(t)
	p.SetSchedule(Schedule{Seed: 1, EveryConns: 3, EveryMessages: 40})
	db := open(t, via)
	db.SetMaxOpenConns(4)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var acknowledged atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				tx, err := db.BeginTx(ctx, nil)
				if err != nil {
					continue
				}
				_, err = tx.ExecContext(ctx, "insert into t values (?)", 1)
				if err == nil && tx.Commit() == nil {
					acknowledged.Add(1)
				}
				_ = tx.Rollback()
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		t.Fatal("a client hung")
	}
	n, ok := int64(rows(t, open(t, direct), 1)), acknowledged.Load()
	t.Logf("%d faults; %d acknowledged, %d rows", p.Faults(), ok, n)
	if n < ok || n > 200 || ok == 200 || p.Faults() == 0 {
		t.Error("that cannot be")
	}
}
