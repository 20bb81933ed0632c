package reprise_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// withLedger is an adapter with a ledger.
var withLedger = pgadapter.Config{Ledger: ledger.Config{Table: ledger.DefaultTable}}

// newLedgerApp is newApp behind a fault proxy, with a ledger.
func newLedgerApp(t *testing.T, o options, h http.Handler) (*app, *pgproxy.Proxy) {
	t.Helper()
	p, url := newProxy(t)
	o.url, o.pg = url, withLedger
	a := newApp(t, o, h)
	if err := pgadapter.New(a.pool, withLedger).MigrateLedger(context.Background()); err != nil {
		t.Fatal(err)
	}
	return a, p
}

// onCommit is a rule for the message with COMMIT.
func onCommit(r pgproxy.Rule) pgproxy.Rule {
	r.When = pgproxy.SQLFunc(func(sql string) bool { return sql == "commit" || strings.HasSuffix(sql, "; commit") })
	return r
}

// newTraceApp is newApp behind a fault proxy: what became of a COMMIT is found out from
// PostgreSQL itself.
func newTraceApp(t *testing.T, o options, h http.Handler) (*app, *pgproxy.Proxy) {
	t.Helper()
	p, url := newProxy(t)
	o.url = url
	return newApp(t, o, h), p
}

// forMeans runs a test with both means of finding out what became of a COMMIT.
func forMeans(t *testing.T, test func(t *testing.T, newApp func(*testing.T, options, http.Handler) (*app, *pgproxy.Proxy))) {
	t.Helper()
	t.Run("ledger", func(t *testing.T) { t.Parallel(); test(t, newLedgerApp) })
	t.Run("trace", func(t *testing.T) { t.Parallel(); test(t, newTraceApp) })
}

// TestTheLedgerResolves: what became of a COMMIT without an answer is found out, and
// the client gets the answer of the attempt that was committed.
func TestTheLedgerResolves(t *testing.T) { forMeans(t, theLedgerResolves) }

func theLedgerResolves(t *testing.T, newApp func(*testing.T, options, http.Handler) (*app, *pgproxy.Proxy)) {
	for _, tt := range []struct {
		name string
		rule pgproxy.Rule
		runs int
	}{
		{"commit-sent-fin", pgproxy.Rule{Then: pgproxy.CutClient}, 1},
		{"commit-sent-rst", pgproxy.Rule{Then: pgproxy.CutClient, How: pgproxy.RST}, 1},
		{"reply-swallowed", pgproxy.Rule{AwaitReply: true, Then: pgproxy.CutBoth}, 1},
		{"commit-half-sent", pgproxy.Rule{Do: pgproxy.Truncate, Keep: 8, Then: pgproxy.CutBoth}, 2},
		{"commit-not-sent", pgproxy.Rule{Do: pgproxy.Drop, Then: pgproxy.CutBoth}, 2},
		{"late-commit", pgproxy.Rule{Do: pgproxy.Delay, Delay: 300 * time.Millisecond, Then: pgproxy.CutClient, Before: true}, 2},
		{"commit-black-hole", pgproxy.Rule{Do: pgproxy.Drop, Then: pgproxy.BlackHole}, 2},
		{"reply-black-hole", pgproxy.Rule{AwaitReply: true, Then: pgproxy.BlackHole}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, p := newApp(t, options{cfg: middleware.Config{
				Retry: retryable.Policy{CommitTimeout: 200 * time.Millisecond},
			}}, effectHandler)
			p.DropCancels(true) // else pgx may end the COMMIT itself
			hit := p.Add(onCommit(tt.rule))
			got := a.do("POST", "/", "")
			effects := a.effects()
			if got.status != 200 || hit.Count() != 1 || len(effects) != 1 || got.body != fmt.Sprintf("attempt %d", effects[0]) {
				t.Errorf("got %d %q, fired %d times, effects %v\n%s", got.status, got.body, hit.Count(), effects, a.logs)
			}
			if n := a.attempts(); n != tt.runs && tt.name != "commit-sent-fin" && tt.name != "commit-sent-rst" {
				t.Errorf("%d attempts, want %d", n, tt.runs) // FIN and RST may overtake what was sent
			}
			// Whatever is still on its way must not take effect.
			p.CutAll(pgproxy.RST)
			a.pool.Reset()
			if n := len(a.effects()); n != 1 {
				t.Errorf("%d effects in the end", n)
			}
		})
	}
}

// TestALateCommitIsFenced: the COMMIT of attempt 1 is held, and let go at the worst
// moments: while attempt 2 runs, and after it. It can do no harm any more.
//
// Mutation seen to fail it: Resolve looks for the row without fencing (Look instead of
// Void); both effects are there then.
func TestALateCommitIsFenced(t *testing.T) { forMeans(t, aLateCommitIsFenced) }

func aLateCommitIsFenced(t *testing.T, newApp func(*testing.T, options, http.Handler) (*app, *pgproxy.Proxy)) {
	for _, during := range []bool{true, false} {
		t.Run(fmt.Sprintf("during the replay: %v", during), func(t *testing.T) {
			t.Parallel()
			var hit *pgproxy.Hit
			var arrived func()
			a, p := newApp(t, options{}, middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				err := effect(r.Context())
				if txctx.AttemptOf(r.Context()).Number == 2 && during {
					hit.Release()
					arrived()
				}
				return err
			}))
			p.DropCancels(true)
			arrived = func() { // or its session was ended before
				eventually(t, "the old session is gone", func() bool { return p.Conns() <= 1 })
			}
			hit = p.Add(onCommit(pgproxy.Rule{Do: pgproxy.Hold, Then: pgproxy.CutClient, Before: true}))
			if got := a.do("POST", "/", ""); got.status != 200 {
				t.Fatalf("%d %s\n%s", got.status, got.body, a.logs)
			}
			hit.Release()
			arrived()
			if got := a.effects(); len(got) != 1 || got[0] != 2 {
				t.Errorf("effects %v, want that of attempt 2", got)
			}
		})
	}
}

// TestTheOrphanIsEnded: the COMMIT of attempt 1 went into a black hole, and its backend
// keeps the lock that attempt 2 needs.
//
// Mutation seen to fail it: do not end it.
func TestTheOrphanIsEnded(t *testing.T) { forMeans(t, theOrphanIsEnded) }

func theOrphanIsEnded(t *testing.T, newApp func(*testing.T, options, http.Handler) (*app, *pgproxy.Proxy)) {
	a, p := newApp(t, options{cfg: middleware.Config{
		Retry: retryable.Policy{CommitTimeout: 200 * time.Millisecond, AttemptTimeout: 5 * time.Second, MaxRetries: 1},
	}}, middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if err := do(r.Context(), `update counter set n = n + 1 where id = 1`); err != nil {
			return err
		}
		return effect(r.Context())
	}))
	p.Add(onCommit(pgproxy.Rule{Do: pgproxy.Drop, Then: pgproxy.BlackHole}))
	if got := a.do("POST", "/", ""); got.status != 200 {
		t.Errorf("%d %s\n%s", got.status, got.body, a.logs)
	}
	if got := a.effects(); len(got) != 1 || got[0] != 2 {
		t.Errorf("effects %v, want that of attempt 2", got)
	}
	p.CutAll(pgproxy.RST) // or pgx waits for what the black hole will not give
}

// TestACommitThatWaitsForAStandby is neither ended nor guessed at: it is in the database
// of the primary already, and nobody can say whether it will stay there.
//
// Mutation: end the session that holds the row.
func TestACommitThatWaitsForAStandby(t *testing.T) {
	for name, cfg := range map[string]pgadapter.Config{"ledger": withLedger, "trace": {}} {
		t.Run(name, func(t *testing.T) { t.Parallel(); aCommitThatWaitsForAStandby(t, cfg) })
	}
}

func aCommitThatWaitsForAStandby(t *testing.T, cfg pgadapter.Config) {
	server := pgtest.New(t, pgserver.Config{})
	exec(t, server.URL(), schema)
	p, err := pgproxy.New(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.DropCancels(true) // a cancel request would end the wait, and pgx sends one
	a := newApp(t, options{
		url: server.URLVia(p.Addr()), pg: cfg,
		cfg: middleware.Config{Retry: retryable.Policy{CommitTimeout: 200 * time.Millisecond, ResolveFor: time.Second}},
	}, effectHandler)
	if err := pgadapter.New(a.pool, withLedger).MigrateLedger(context.Background()); err != nil {
		t.Fatal(err)
	}
	standbys := func(names string) {
		t.Helper()
		for _, q := range []string{"alter system set synchronous_standby_names = '" + names + "'", "select pg_reload_conf()"} {
			exec(t, server.URL()+"&synchronous_commit=off", q)
		}
	}
	standbys("nosuch")
	eventually(t, "a COMMIT waits", func() bool { // sessions know of the standby before the checkpointer does
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		conn, err := pgx.Connect(context.Background(), server.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(ctx, "update counter set n = n + 1 where id = 2")
		return err != nil
	})
	got := a.do("POST", "/", "")
	if got.status != 503 || got.problem() != "outcome-unknown" || got.header.Get("Retry-After") != "" || a.attempts() != 1 {
		t.Errorf("%d %s, %d attempts\n%s", got.status, got.body, a.attempts(), a.logs)
	}
	standbys("")
	eventually(t, "it is committed", func() bool { return len(a.effects()) == 1 })
}

// TestTheLedgerCutAtEveryByte is TestCutAtEveryByte with a ledger: every answer is a
// 200, and every effect is there once.
func TestTheLedgerCutAtEveryByte(t *testing.T) { forMeans(t, theLedgerCutAtEveryByte) }

func theLedgerCutAtEveryByte(t *testing.T, newApp func(*testing.T, options, http.Handler) (*app, *pgproxy.Proxy)) {
	step := int64(1)
	if testing.Short() {
		step = 5
	}
	for name, dir := range map[string]pgproxy.Dir{"up": pgproxy.Up, "down": pgproxy.Down} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p := newApp(t, options{pool: func(c *pgxpool.Config) { c.MaxConns = 1 }}, effectHandler)
			for n := int64(0); ; n += step {
				a.pool.Reset()
				p.Clear()
				exec(t, a.pool.Config().ConnString(), `truncate effect`)
				hit := p.Add(pgproxy.Rule{When: pgproxy.Byte(dir, n), Do: pgproxy.Drop, Then: pgproxy.CutBoth})
				got := a.do("POST", "/", "")
				if hit.Count() == 0 { // past the end of the traffic
					break
				}
				if effects := a.effects(); got.status != 200 || len(effects) != 1 || got.body != fmt.Sprintf("attempt %d", effects[0]) {
					t.Errorf("byte %d: %d %s, effects %v\n%s", n, got.status, got.body, effects, a.logs)
				}
			}
			looked := 0
			a.mu.Lock()
			for _, ev := range a.events {
				if ev.Kind == txctx.OutcomeLookedUp {
					looked++
				}
			}
			a.mu.Unlock()
			if looked == 0 {
				t.Error("no COMMIT was ever in doubt")
			}
			t.Logf("%d bytes, %d looked up", p.Faults()*step, looked)
		})
	}
}

// TestTheLedgerUnderFire: many at once, cut at random places; every request is answered
// by 200, and is there once.
func TestTheLedgerUnderFire(t *testing.T) { forMeans(t, theLedgerUnderFire) }

func theLedgerUnderFire(t *testing.T, newApp func(*testing.T, options, http.Handler) (*app, *pgproxy.Proxy)) {
	const clients, each = 8, 25
	a, p := newApp(t, options{
		cfg:  middleware.Config{Retry: retryable.Policy{MaxRetries: 50, CommitTimeout: time.Second}},
		pool: func(c *pgxpool.Config) { c.MaxConns = clients },
	}, middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		id, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		attempt := txctx.AttemptOf(r.Context()).Number
		if err := do(r.Context(), `update counter set n = n + 1 where id = 1`); err != nil {
			return err
		}
		if err := do(r.Context(), `insert into effect values ($1, $2)`, string(id), attempt); err != nil {
			return err
		}
		_, err = fmt.Fprint(w, attempt)
		return err
	}))
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	p.SetSchedule(pgproxy.Schedule{Seed: uint64(seed), EveryMessages: 60})
	var wg sync.WaitGroup
	var requests atomic.Int64
	answers := sync.Map{}
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", c, i)
				got, err := a.try("POST", "/", id)
				requests.Add(1)
				if err != nil || got.status != 200 {
					t.Errorf("%s: %d %s %v", id, got.status, got.body, err)
					continue
				}
				answers.Store(id, got.body)
			}
		})
	}
	wg.Wait()
	p.Clear()
	rows, err := a.pool.Query(context.Background(), `select req, attempt::text from effect`)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var id, attempt string
	_, err = pgx.ForEachRow(rows, []any{&id, &attempt}, func() error {
		n++
		if want, ok := answers.LoadAndDelete(id); !ok || want != attempt {
			t.Errorf("%s: attempt %s is in the database, the client was told of %v", id, attempt, want)
		}
		return nil
	})
	var counter int
	if err := a.pool.QueryRow(context.Background(), `select n from counter where id = 1`).Scan(&counter); err != nil {
		t.Fatal(err)
	}
	if err != nil || n != clients*each || counter != n {
		t.Errorf("%d effects, counter %d, of %d requests, error %v", n, counter, requests.Load(), err)
	}
	t.Logf("%d attempts, %d faults", a.attempts(), p.Faults())
}
