package scenarios

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// everybodysKeys switches keys on, of which everybody has the same.
func everybodysKeys(wait time.Duration) func(*middleware.Config) {
	return func(cfg *middleware.Config) {
		cfg.Keys = middleware.Keys{Scope: func(*http.Request) (string, error) { return "", nil }, Wait: wait}
	}
}

func key(k string) http.Header { return http.Header{"Idempotency-Key": {`"` + k + `"`}} }

// replayed checks whether an answer says that it was kept.
func (s *stage) replayed(got torture.Answer, want bool) {
	s.t.Helper()
	if stored := got.Header.Get("Idempotency-Replayed") == "true"; stored != want || got.Header.Get("Idempotency-Key-Expires") == "" {
		s.t.Errorf("stored: %t, want %t; %v", stored, want, got.Header)
	}
}

// sameKeyRace: of many requests with one key at the same time, one takes effect. The
// others are told that it is in use, or wait for its answer.
func sameKeyRace(t *testing.T, e torture.Engine) {
	const requests, conns = 50, 12
	for name, wait := range map[string]time.Duration{"at once": 0, "waiting": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			policy := torture.Patient()
			policy.AttemptTimeout, policy.AcquireTimeout = 20*time.Second, 20*time.Second
			entered, release := make(chan struct{}, requests), make(chan struct{})
			s := newStage(t, e, setup{
				app: torture.AppOptions{Conns: conns, Middleware: everybodysKeys(wait)}, policy: policy,
				before: func(hook) {
					entered <- struct{}{}
					<-release
				},
			})
			answers := make(chan torture.Answer, requests)
			for range requests {
				go func() {
					got, err := s.ask(context.Background(), s.app, 1, "same", key("k"))
					if err != nil {
						t.Error(err)
					}
					answers <- got
				}()
			}
			<-entered
			left := requests
			if wait == 0 {
				for ; left > 1; left-- {
					if got := <-answers; got.Status != 409 || got.Problem() != "key-in-use" || got.Header.Get("Retry-After") == "" {
						t.Errorf("%d %s, Retry-After %q", got.Status, got.Body, got.Header.Get("Retry-After"))
					}
				}
			}
			close(release)
			var first string
			ran := 0
			for ; left > 0; left-- {
				got := <-answers
				stored := got.Header.Get("Idempotency-Replayed") == "true"
				if !stored {
					ran++
				}
				if first == "" {
					first = string(got.Body)
					s.record(1, "same", got, nil, 0)
					s.ops[0].Sent = requests
				}
				if got.Status != 200 || string(got.Body) != first {
					t.Errorf("%d %s, want %s", got.Status, got.Body, first)
				}
			}
			if ran != 1 || s.app.Runs() != 1 || len(s.effects("same")) != 1 {
				t.Errorf("%d own answers, %d runs, effects %v", ran, s.app.Runs(), s.effects("same"))
			}
		})
	}
}

// keyOtherBody: the key was used for something else.
//
// Mutation seen to fail it: leave the body out of the fingerprint.
func keyOtherBody(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{app: torture.AppOptions{Middleware: everybodysKeys(0)}})
	s.want("first", s.try(key("k")), once(1, 0))
	want := failed(422, "key-reused", 0)
	s.want("key-other-body", s.try(key("k")), want) // each has a body of its own
	s.want("with another key", s.try(key("l")), once(1, 0))
}

// clientGone: the client leaves when COMMIT has been sent. It is not rolled back, and the
// answer is there when the client asks again.
func clientGone(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{app: torture.AppOptions{Middleware: everybodysKeys(10 * time.Second)}, policy: waitingPolicy(), unknown: 1})
	hit := s.onCommit(faultproxy.Rule{Do: faultproxy.Hold})
	ctx, leave := context.WithCancel(context.Background())
	stop := s.when(hit, leave)
	if got, err := s.request(ctx, "gone", key("k")); err == nil {
		t.Errorf("the client was answered: %d %s", got.Status, got.Body)
	}
	stop()
	hit.Release()
	got, err := s.request(context.Background(), "gone", key("k"))
	s.must(err)
	s.replayed(got, true)
	s.want("client-gone", s.told(got, "gone", s.app.Runs(), s.app.Count(txctx.OutcomeLookedUp)), once(1, 0))
}

// waitingPolicy lets keys be waited for.
func waitingPolicy() retryable.Policy {
	p := torture.Patient()
	p.AttemptTimeout, p.CommitTimeout = 20*time.Second, 5*time.Second
	return p
}

// appKillAfterCommit: the app is killed between COMMIT and its answer. The next one has
// the answer.
func appKillAfterCommit(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{app: torture.AppOptions{Middleware: everybodysKeys(0)}})
	hit := s.onCommit(faultproxy.Rule{AwaitReply: true, Then: faultproxy.BlackHole})
	victim := startApp(t, e, s.bed.DSN())
	lost := make(chan error)
	go func() { lost <- victim.ask("dead", key("k")) }()
	<-hit.Done()
	victim.kill()
	if err := <-lost; err == nil {
		t.Error("the client was answered")
	}
	got, err := s.request(context.Background(), "dead", key("k"))
	s.must(err)
	s.replayed(got, true)
	s.want("app-kill-after-commit", s.told(got, "dead", s.app.Runs(), 0), seen{status: 200, attempt: 1, effects: "[1]"})
}

// appKillBeforeCommit: the app is killed in the middle of its handler. The next one runs
// it, and does not wait for any lease to end.
func appKillBeforeCommit(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{app: torture.AppOptions{Middleware: everybodysKeys(5 * time.Second)}, policy: waitingPolicy()})
	victim := startApp(t, e, s.bed.DSN())
	lost := make(chan error)
	go func() {
		lost <- victim.ask("dead", http.Header{"Idempotency-Key": key("k")["Idempotency-Key"], "X-Block": {"1"}})
	}()
	victim.await(t, "written")
	victim.kill()
	if err := <-lost; err == nil {
		t.Error("the client was answered")
	}
	began := time.Now()
	got, err := s.request(context.Background(), "dead", key("k"))
	took := time.Since(began)
	s.must(err)
	s.replayed(got, false)
	s.want("app-kill-before-commit", s.told(got, "dead", s.app.Runs(), 0), once(1, 0))
	if took > 3*time.Second {
		t.Errorf("it waited for %v", took)
	}
}
