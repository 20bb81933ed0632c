package pgadapter_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestProbe makes a connection of its own, and leaves none.
//
// Mutations seen to fail it: do not close; do not connect.
func TestProbe(t *testing.T) {
	b, p := newWire(t, pgadapter.Config{})
	if err := b.db.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if n := p.Dials(); n != 1 {
		t.Errorf("%d dials", n)
	}
	dbtest.Within(t, 5*time.Second, "the connection is closed", func() bool { return p.Conns() == 0 })
	p.Refuse(true)
	if err := b.db.Probe(t.Context()); retryable.ReasonOf(err) != retryable.Disconnected {
		t.Errorf("refused: %v", err)
	}
}

// crowd makes n runs of one attempt at a time and returns why they were doomed.
func (b *bed) crowd(n int, acquire time.Duration) map[retryable.Reason]int {
	var mu sync.Mutex
	reasons := make(map[retryable.Reason]int)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			o := txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries, AcquireTimeout: acquire}}
			err := txctx.Run(context.Background(), b.db, o, func(ctx context.Context) error {
				return selectOne(ctx, pgadapter.Tx(ctx))
			})
			reason := retryable.None
			if exhausted, ok := errors.AsType[*retryable.ExhaustedError](err); ok {
				reason = retryable.ReasonOf(exhausted.Errs[0])
			}
			mu.Lock()
			defer mu.Unlock()
			reasons[reason]++
		})
	}
	wg.Wait()
	return reasons
}

// TestADatabaseThatIsDownIsDialedByFew, whether it refuses or swallows what is sent.
//
// Mutations seen to fail it: the DB has no gate; Dialing is left out; silence is a full
// pool.
func TestADatabaseThatIsDownIsDialedByFew(t *testing.T) {
	for name, down := range map[string]func(p *pgproxy.Proxy, on bool){
		"refused":    (*pgproxy.Proxy).Refuse,
		"black hole": (*pgproxy.Proxy).BlackHole,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := newWire(t, pgadapter.Config{}, func(c *pgxpool.Config) {
				c.MaxConns = 4
				c.ConnConfig.ConnectTimeout = time.Minute
			})
			down(p, true)
			const n = 50
			patient := make(chan map[retryable.Reason]int)
			go func() { patient <- b.crowd(1, time.Minute) }()
			first := b.crowd(4, 200*time.Millisecond) // by whom it is noticed
			if first[retryable.Disconnected] != 4 {
				t.Errorf("doomed: %v", first)
			}
			select {
			case got := <-patient:
				if got[retryable.Disconnected] != 1 {
					t.Errorf("doomed: %v", got)
				}
			case <-time.After(10 * time.Second):
				t.Error("who was dialing was not told")
			}
			before := p.Dials()
			if got := b.crowd(n, time.Minute); got[retryable.Disconnected] != n {
				t.Errorf("doomed: %v", got)
			}
			if dials := p.Dials() - before; dials > 8 {
				t.Errorf("%d dials for %d attempts", dials, n)
			}
			down(p, false)
			p.CutAll(faultproxy.RST)
			dbtest.Within(t, 10*time.Second, "all are served", func() bool {
				return b.crowd(n, 5*time.Second)[retryable.None] == n
			})
		})
	}
}
