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

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
)

// keyConfig is a Config with keys, of which everybody has the same.
func keyConfig(wait time.Duration) middleware.Config {
	return middleware.Config{Keys: middleware.Keys{
		Scope: func(*http.Request) (string, error) { return "", nil },
		Wait:  wait,
	}}
}

// send sends a request with a key to base, which is an app's.
func send(ctx context.Context, base, key, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/pay", strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Idempotency-Key", `"`+key+`"`)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

func (a *app) send(key, body string) answer {
	a.t.Helper()
	got, err := send(context.Background(), a.srv.URL, key, body)
	if err != nil {
		a.t.Fatal(err)
	}
	return got
}

func replayed(a answer) bool { return a.header.Get("Idempotency-Replayed") == "true" }

// wantReplayed checks that got is the answer of the attempt whose effect is the only one.
func (a *app) wantReplayed(got answer, want bool) {
	a.t.Helper()
	effects := a.effects()
	if got.status != 200 || len(effects) != 1 || got.body != fmt.Sprintf("attempt %d", effects[0]) || replayed(got) != want {
		a.t.Errorf("%d %q, replayed %t, effects %v\n%s", got.status, got.body, replayed(got), effects, a.logs)
	}
}

// TestSameKeyRace: of 50 requests with one key, one takes effect; the others are told
// that it is in use, or get its answer if they wait for it.
//
// Mutation seen to fail it: claim nothing.
func TestSameKeyRace(t *testing.T) {
	const requests, conns = 50, 16
	for name, wait := range map[string]time.Duration{"at once": 0, "waiting": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entered, released := make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(released) })
			var runs atomic.Int32
			a, _ := newLedgerApp(t, options{
				cfg:  keyConfig(wait),
				pool: func(c *pgxpool.Config) { c.MaxConns = conns },
			}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if runs.Add(1) == 1 {
					close(entered)
					<-released
				}
				effectHandler.ServeHTTP(w, r)
			}))
			t.Cleanup(release) // or the server waits for it, should the test fail
			answers := make(chan answer, requests)
			for range requests {
				go func() {
					got, err := send(context.Background(), a.srv.URL, "k", "12.50")
					if err != nil {
						t.Error(err)
					}
					answers <- got
				}()
			}
			<-entered
			others := requests - 1
			if wait == 0 {
				for ; others > 0; others-- {
					got := <-answers
					if got.status != 409 || got.problem() != "key-in-use" || got.header.Get("Retry-After") != "1" {
						t.Errorf("%d %s, Retry-After %q", got.status, got.body, got.header.Get("Retry-After"))
					}
				}
			} else {
				eventually(t, "all connections wait for the key", func() bool { return a.pool.Stat().AcquiredConns() == conns })
			}
			release()
			ran := 0
			for range others + 1 {
				got := <-answers
				a.wantReplayed(got, replayed(got))
				if !replayed(got) {
					ran++
				}
			}
			if ran != 1 || runs.Load() != 1 {
				t.Errorf("%d requests were answered by a handler, %d handlers ran", ran, runs.Load())
			}
			a.wantReplayed(a.send("k", "12.50"), true)
		})
	}
}

// TestKeyOtherBody: a key is good for one request.
//
// Mutation seen to fail it: do not compare the fingerprint.
func TestKeyOtherBody(t *testing.T) {
	t.Parallel()
	a, _ := newLedgerApp(t, options{cfg: keyConfig(0)}, effectHandler)
	a.wantReplayed(a.send("k", "12.50"), false)
	if got := a.send("k", "99.50"); got.status != 422 || got.problem() != "key-reused" {
		t.Errorf("%d %s", got.status, got.body)
	}
	a.wantReplayed(a.send("k", "12.50"), true)
	if got := a.send("l", "99.50"); got.status != 200 || replayed(got) || len(a.effects()) != 2 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestClientGone: it left when COMMIT had been sent. The answer is there when it asks
// again.
//
// Mutation seen to fail it: commit without the answer.
func TestClientGone(t *testing.T) {
	t.Parallel()
	a, p := newLedgerApp(t, options{cfg: keyConfig(10 * time.Second)}, effectHandler)
	hit := p.Add(onCommit(pgproxy.Rule{Do: pgproxy.Hold}))
	ctx, leave := context.WithCancel(context.Background())
	gone := make(chan error)
	go func() {
		_, err := send(ctx, a.srv.URL, "k", "12.50")
		gone <- err
	}()
	<-hit.Fired()
	leave()
	if err := <-gone; err == nil {
		t.Error("the client got an answer")
	}
	hit.Release()
	a.wantReplayed(a.send("k", "12.50"), true)
	eventually(t, "there were two attempts", func() bool { return a.attempts() == 2 }) // the other one found the answer
}

// TestUnknownWithAKey: nobody can say what became of COMMIT until the client has been
// told so. It may send the request again, and it takes effect once.
//
// Mutations seen to fail it: no Retry-After; commit without the answer.
func TestUnknownWithAKey(t *testing.T) {
	for name, tt := range map[string]struct {
		rule      pgproxy.Rule
		committed bool
	}{
		"committed":     {pgproxy.Rule{AwaitReply: true, Then: pgproxy.BlackHole}, true},
		"not committed": {pgproxy.Rule{Do: pgproxy.Drop, Then: pgproxy.BlackHole}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := keyConfig(10 * time.Second)
			cfg.Retry = retryable.Policy{CommitTimeout: 100 * time.Millisecond, ResolveFor: 200 * time.Millisecond}
			a, p := newLedgerApp(t, options{cfg: cfg}, effectHandler)
			p.DropCancels(true)
			hit := p.Add(onCommit(tt.rule))
			go func() {
				<-hit.Fired()
				p.Refuse(true)
			}()
			got := a.send("k", "12.50")
			if got.status != 503 || got.problem() != "outcome-unknown" || got.header.Get("Retry-After") != "1" ||
				!strings.Contains(got.body, "urn:uuid:") || !strings.Contains(got.body, "same Idempotency-Key") {
				t.Errorf("%d %s, Retry-After %q\n%s", got.status, got.body, got.header.Get("Retry-After"), a.logs)
			}
			p.Refuse(false)
			p.CutAll(pgproxy.RST)
			a.wantReplayed(a.send("k", "12.50"), tt.committed)
		})
	}
}

// TestAKeyUnderFire: every request is sent until it is answered by 200, over connections
// that are cut at random, and is there once.
func TestAKeyUnderFire(t *testing.T) {
	const clients = 8
	each := 25
	if testing.Short() {
		each = 5
	}
	cfg := keyConfig(5 * time.Second)
	cfg.Retry = retryable.Policy{MaxRetries: 2, CommitTimeout: time.Second, ResolveFor: 200 * time.Millisecond}
	a, p := newLedgerApp(t, options{cfg: cfg, pool: func(c *pgxpool.Config) { c.MaxConns = clients }},
		middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			id, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			return do(r.Context(), `insert into effect values ($1, 1)`, string(id))
		}))
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	p.SetSchedule(pgproxy.Schedule{Seed: uint64(seed), EveryMessages: 15})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", c, i)
				eventually(t, id+" is answered by 200", func() bool {
					got, err := send(context.Background(), a.srv.URL, id, id)
					mu.Lock()
					defer mu.Unlock()
					seen[fmt.Sprint(got.status, " ", got.problem())]++
					return err == nil && got.status == 200
				})
			}
		})
	}
	wg.Wait()
	p.Clear()
	var n, ids int
	if err := a.pool.QueryRow(context.Background(), `select count(*), count(distinct req) from effect`).Scan(&n, &ids); err != nil {
		t.Fatal(err)
	}
	if n != clients*each || ids != n {
		t.Errorf("%d effects of %d requests, want %d", n, ids, clients*each)
	}
	t.Logf("%d attempts, %d faults, answers %v", a.attempts(), p.Faults(), seen)
}
