package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// newProxy puts a fault proxy in front of the shared server and returns the URL
// of a fresh schema through it.
func newProxy(t *testing.T) (*pgproxy.Proxy, string) {
	t.Helper()
	p, err := pgproxy.New(pgtest.Shared(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, pgserver.Via(newDatabase(t), p.Addr())
}

// effectHandler writes its effect and answers with its attempt.
var effectHandler = middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
	if err := effect(r.Context()); err != nil {
		return err
	}
	fmt.Fprintf(w, "attempt %d", txctx.AttemptOf(r.Context()).Number)
	return nil
})

// TestStorm holds the disconnection tests of Storm (tests/databases/base.py): one
// Run without replays is one of Storm's transactions.
func TestStorm(t *testing.T) {
	p, url := newProxy(t)
	pool := pgtest.Pool(t, url, func(c *pgxpool.Config) { c.MaxConns = 1 })
	db := pgadapter.New(pool, pgadapter.Config{})
	once := txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}
	query := func(ctx context.Context) error {
		_, err := pgadapter.Tx(ctx).Exec(ctx, `select 1`)
		return err
	}
	run := func(fn func(ctx context.Context) error) error { return txctx.Run(context.Background(), db, once, fn) }
	disconnected := func(err error) bool {
		reason := retryable.ReasonOf(err)
		if ex, ok := errors.AsType[*retryable.ExhaustedError](err); ok {
			reason = retryable.ReasonOf(ex.Errs[0])
		}
		return reason == retryable.Disconnected
	}
	restart := func() { p.CutAll(pgproxy.FIN) }

	// test_proxy_works
	if err := run(query); err != nil {
		t.Fatal(err)
	}
	// test_catch_disconnect_on_execute, test_connection_stays_disconnected_in_transaction
	err := run(func(ctx context.Context) error {
		if err := query(ctx); err != nil {
			return err
		}
		restart()
		first := query(ctx)
		dials := p.Dials()
		second := query(ctx)
		if !disconnected(first) || !errors.Is(second, first) || p.Dials() != dials {
			t.Errorf("first %v, second %v, %d dials", first, second, p.Dials()-dials)
		}
		return nil
	})
	if !disconnected(err) {
		t.Errorf("execute: %v", err)
	}
	// test_reconnect_after_rollback
	if err := run(query); err != nil {
		t.Errorf("after the rollback: %v", err)
	}
	// test_catch_disconnect_on_commit: it was dead before COMMIT was sent
	err = run(func(ctx context.Context) error {
		err := query(ctx)
		restart()
		return err
	})
	if !disconnected(err) {
		t.Errorf("commit: %v", err)
	}
	// test_catch_disconnect_on_reconnect
	p.Refuse(true)
	for range 2 {
		if err := run(query); !disconnected(err) {
			t.Errorf("while it is down: %v", err)
		}
	}
	p.Refuse(false)
	if err := run(query); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// TestLaunchpadOutage: down 503, still down 503, back 200.
func TestLaunchpadOutage(t *testing.T) {
	server := pgtest.New(t, pgserver.Config{})
	exec(t, server.URL(), schema)
	a := newApp(t, options{url: server.URL(), cfg: middleware.Config{Retry: retryable.Policy{
		Outage: retryable.Backoff{Base: time.Millisecond, Max: 5 * time.Millisecond},
	}}}, effectHandler)
	if got := a.do("POST", "/", ""); got.status != 200 {
		t.Fatalf("before: %d %s", got.status, got.body)
	}
	if err := server.Stop(pgserver.Fast); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got := a.do("POST", "/", "")
		if got.status != 503 || got.problem() != "unavailable" || got.header.Get("Retry-After") == "" {
			t.Errorf("while it is down: %d %s", got.status, got.body)
		}
	}
	if err := server.StartAgain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := a.do("POST", "/", ""); got.status != 200 {
		t.Errorf("when it is back: %d %s", got.status, got.body)
	}
	if got := a.effects(); len(got) != 2 {
		t.Errorf("effects %v, want two", got)
	}
}

// TestRule10_StaleConnectionsCostNoRequest: ten pooled connections died with the
// old server; the next requests succeed all the same, without a single replay.
//
// Mutation seen to fail it: do not try another connection in connect.
func TestRule10_StaleConnectionsCostNoRequest(t *testing.T) {
	server := pgtest.New(t, pgserver.Config{})
	exec(t, server.URL(), schema)
	const conns = 10
	a := newApp(t, options{
		url:  server.URL(),
		pool: func(c *pgxpool.Config) { c.MaxConns = conns },
		cfg:  middleware.Config{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}, // the dead must not use up replays
	}, effectHandler)
	restarts := map[string]func() error{
		"fast":      func() error { return server.Restart(context.Background(), pgserver.Fast) },
		"immediate": func() error { return server.Restart(context.Background(), pgserver.Immediate) },
		"kill -9": func() error {
			if err := server.Kill(); err != nil {
				return err
			}
			return server.StartAgain(context.Background())
		},
	}
	requests := 0
	for name, restart := range restarts {
		fillPool(t, a.pool, conns)
		if err := restart(); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 20 {
			requests++
			wg.Go(func() {
				got, err := a.try("POST", "/", "")
				if err != nil || got.status != 200 {
					t.Errorf("after %s: %d %s %v\n%s", name, got.status, got.body, err, a.logs)
				}
			})
		}
		wg.Wait()
	}
	if got := a.effects(); len(got) != requests {
		t.Errorf("%d effects of %d requests", len(got), requests)
	}
}

// fillPool makes all connections of the pool and leaves them idle.
func fillPool(t *testing.T, pool *pgxpool.Pool, n int) {
	t.Helper()
	held := make([]*pgxpool.Conn, n)
	for i := range held {
		c, err := pool.Acquire(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		held[i] = c
	}
	for _, c := range held {
		c.Release()
	}
	eventually(t, "idle connections", func() bool { return pool.Stat().IdleConns() == int32(n) })
}

// TestPersistentWaitsForTheDatabase is mode 1 of the bug: a script waits, with
// back-off, until the database is there, and then runs once.
//
// Mutation seen to fail it: ConnectWait 0 in Persistent.
func TestPersistentWaitsForTheDatabase(t *testing.T) {
	p, url := newProxy(t)
	pool := pgtest.Pool(t, url, nil)
	db := pgadapter.New(pool, pgadapter.Config{})
	policy := retryable.Persistent()
	policy.Outage = retryable.Backoff{Base: time.Millisecond, Max: 5 * time.Millisecond}
	p.Refuse(true)
	done := make(chan error, 1)
	attempts := 0
	go func() {
		done <- txctx.Run(context.Background(), db, txctx.Options{Retry: policy}, func(ctx context.Context) error {
			attempts++
			return effect(ctx)
		})
	}()
	before := p.Dials()
	eventually(t, "20 dials", func() bool { return p.Dials() >= before+20 })
	p.Refuse(false)
	if err := <-done; err != nil || attempts != 1 {
		t.Errorf("%d attempts, error %v", attempts, err)
	}
}
