package reprise_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// order is what happened, in order.
type order struct {
	mu sync.Mutex
	of []string
}

func (o *order) add(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of = append(o.of, what)
}

func (o *order) check(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.of, want) {
		t.Errorf("in this order: %q, want %q", o.of, want)
	}
}

// shutdown calls Shutdown, and returns when the server takes no connections any more.
// done is closed after Shutdown, which has to succeed.
func (a *app) shutdown(then func()) (done <-chan struct{}) {
	a.t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := a.srv.Config.Shutdown(ctx); err != nil {
			a.t.Errorf("Shutdown: %v", err)
		}
		then()
	}()
	eventually(a.t, "no more connections", func() bool {
		conn, err := net.Dial("tcp", a.srv.Listener.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	return ended
}

// TestShutdownFinishesWhatIsUnderWay: an attempt under way is committed, its hooks run,
// and its client is answered, before Shutdown returns.
//
// Mutations seen to fail it: hooks on a goroutine of their own; end the attempt's context
// with Stopping.
func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	forStacks(t, func(t *testing.T, stack options) {
		stopping, entered, goOn := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var happened order
		stack.cfg.Stopping = stopping
		var a *app
		a = newApp(t, stack, middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			ctx := r.Context()
			if err := effect(ctx); err != nil {
				return err
			}
			txctx.AfterCommit(ctx, func(context.Context) {
				if got := a.effects(); !slices.Equal(got, []int{1, 1}) { // also takes its time
					t.Errorf("when the hook runs there are effects of %v", got)
				}
				happened.add("hook")
			})
			close(entered)
			<-goOn
			return effect(ctx)
		}))
		answered := make(chan answer, 1)
		go func() {
			got, err := a.try("POST", "/", "")
			if err != nil {
				t.Error(err)
			}
			answered <- got
		}()
		<-entered
		close(stopping)
		done := a.shutdown(func() { happened.add("shut down") })
		close(goOn)
		if got := <-answered; got.status != http.StatusOK {
			t.Errorf("answered %d %q", got.status, got.body)
		}
		<-done
		happened.check(t, "hook", "shut down")
		if got := a.effects(); !slices.Equal(got, []int{1, 1}) {
			t.Errorf("effects of %v", got)
		}
	})
}

// TestShutdownEndsBackOff: whoever waits for another try is answered at once, with what
// sends the client to another server.
//
// Mutations seen to fail it: Stopping is not passed on; no replay is given up for it.
func TestShutdownEndsBackOff(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	ages := retryable.Backoff{Base: century, Max: century}
	down := func(p *pgproxy.Proxy) {
		p.Refuse(true)
		p.CutAll(pgproxy.RST)
	}
	for name, tt := range map[string]struct {
		policy  retryable.Policy
		trouble func(*pgproxy.Proxy) // in attempt 1, before its first statement
		dials   int64                // after which it waits
	}{
		"after a conflict": {retryable.Policy{RetryFor: retryable.Forever, Conflict: ages}, func(*pgproxy.Proxy) {}, 0},
		"after a loss":     {retryable.Policy{RetryFor: retryable.Forever, Outage: ages}, down, 1},
		"riding through":   {retryable.Policy{ConnectWait: retryable.Forever}, down, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, url := newProxy(t)
			stopping, waits := make(chan struct{}), make(chan struct{})
			a := newApp(t, options{url: url, cfg: middleware.Config{
				Retry: tt.policy, Stopping: stopping,
				Observe: func(_ context.Context, ev txctx.Event) {
					if ev.Kind == txctx.ReplayScheduled {
						close(waits)
					}
				},
			}}, middleware.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
				tt.trouble(p)
				if err := effect(r.Context()); err != nil {
					return err
				}
				return retryable.Mark(errors.New("taken"))
			}))
			answered := make(chan answer, 1)
			go func() {
				got, err := a.try("POST", "/", "")
				if err != nil {
					t.Error(err)
				}
				answered <- got
			}()
			if tt.policy.ConnectWait > 0 {
				eventually(t, "it dials", func() bool { return p.Dials() >= tt.dials })
			} else {
				<-waits
			}
			close(stopping)
			done := a.shutdown(func() {})
			got := <-answered
			if got.status != http.StatusServiceUnavailable || got.problem() != "unavailable" || got.header.Get("Retry-After") == "" {
				t.Errorf("answered %d %v %q", got.status, got.header, got.body)
			}
			<-done
			if n := a.attempts(); n != 1 {
				t.Errorf("%d attempts", n)
			}
		})
	}
}

// TestShutdownWaitsForPlainReads: the answer to a plain read leaves before its COMMIT is
// confirmed. Closing the pool waits for that, and the server is left nothing to clean up.
//
// Mutation seen to fail it: take the connection out of the pool for its COMMIT.
func TestShutdownWaitsForPlainReads(t *testing.T) {
	p, url := newProxy(t)
	a := newApp(t, options{
		url: url,
		cfg: middleware.Config{ReadOnly: middleware.SafeMethods},
		pg:  pgadapter.Config{TxOptions: pgx.TxOptions{IsoLevel: pgx.ReadCommitted}},
	}, middleware.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return do(r.Context(), `select n from counter`)
	}))
	hit := p.Add(onCommit(pgproxy.Rule{Do: pgproxy.Hold}))
	if got := a.do("GET", "/", ""); got.status != http.StatusOK {
		t.Errorf("answered %d %q", got.status, got.body)
	}
	var happened order
	<-a.shutdown(func() { happened.add("shut down") })
	<-hit.Fired() // nobody waits for it, and it is on its way
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		a.pool.Close()
		happened.add("closed")
	}()
	eventually(t, "the pool is being closed", func() bool {
		conn, err := a.pool.Acquire(context.Background())
		if err == nil {
			conn.Release()
		}
		return err != nil
	})
	if n := a.pool.Stat().AcquiredConns(); n != 1 {
		t.Errorf("%d connections are waited for", n)
	}
	happened.add("COMMIT goes on")
	hit.Release()
	<-closed
	happened.check(t, "shut down", "COMMIT goes on", "closed")
}
