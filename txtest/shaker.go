package txtest

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Shaker finds what a handler does that does not bear a replay. It serves requests in two
// attempts each: the first is doomed at its end, when the handler has done everything,
// and replayed; the second is let through. Nothing has changed in between, so both should
// do the same, and nothing but the second should leave a trace.
//
//	s := &txtest.Shaker{DB: db}
//	app := newApp(s.Middleware, &http.Client{Transport: s.Transport(nil)})
//	s.Shake(t, app, httptest.NewRequest("POST", "/orders", strings.NewReader(`{"item": 7}`)))
//
// newApp is the application's own, which in production is given middleware.New(db, cfg)
// and http.DefaultClient. Do not change the fields after the first call of a method.
type Shaker struct {
	// DB is what the application runs on: a [DB], or an adapter's on a database for
	// tests. Required
	DB txctx.DB

	// Config is that of the middleware. Its Retry is hurried, and allows a replay at
	// least, on no budget; without a Logger nothing is logged. middleware.Config{}
	Config middleware.Config

	// Ignore are regular expressions for what may differ between the answers of two
	// attempts: whatever matches in a header line ("Etag: W/.*") or in the body is not
	// compared. Ids from a sequence of the database are a case, since sequences do not
	// roll back. none
	Ignore []string

	// Fences are the reasons given to txctx.DisableReplay that are meant. Others are
	// reported. none
	Fences []string

	serial sync.Mutex // held by Shake
	mu     sync.Mutex
	now    *trial // under way, nil for none
}

// Middleware takes the place of the middleware, and is one: it returns next behind
// middleware.New(s.DB, s.Config). Requests that do not come from Shake are served as
// ever. It panics if s.DB is nil, if s.Ignore has what is no regular expression, and as
// middleware.New does.
func (s *Shaker) Middleware(next http.Handler) http.Handler {
	if s.DB == nil {
		panic("txtest: Shaker.DB is nil")
	}
	compile(s.Ignore)
	cfg := s.Config
	cfg.Retry.Conflict = retryable.Backoff{Base: 1, Max: 1}
	cfg.Retry.ConflictBudget = retryable.Budget{PerSecond: retryable.Unlimited}
	if cfg.Retry.MaxRetries == retryable.NoRetries {
		cfg.Retry.MaxRetries = 1
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler) // the report says it
	}
	observe := cfg.Observe
	cfg.Observe = func(ctx context.Context, ev txctx.Event) {
		if observe != nil {
			observe(ctx, ev)
		}
		if t := trialOf(ctx); t != nil {
			t.observe(ev)
		}
	}
	return middleware.New(s.DB, cfg)(spy(next))
}

// Shake serves the requests one after the other, each in two attempts, and reports what
// does not bear a replay by t.Errorf, one line a finding: the request, what happened, and
// what to do about it. What the second attempts do is committed, so that requests can
// build upon each other. h is what the Middleware of s is somewhere inside of.
//
// Reported are
//   - status, headers or body that differ between the attempts,
//   - statements that differ, in number or text,
//   - a request body that one attempt has read further than the other,
//   - what was told to [Shaker.Effect] or sent through [Shaker.Transport] by both,
//   - statements, reads of the request and writes of the answer that come after the end
//     of their attempt, from goroutines: those that come while Shake is busy, or within a
//     quarter of a second afterwards,
//   - txctx.DisableReplay, because of which a loss could not be survived,
//   - requests that fail, and tables of requests that never use the database.
//
// An attempt that the database dooms is replayed besides, and not compared. An answer
// that rolls back, such as a 404, is shaken like any other. Two calls of Shake wait for
// each other.
func (s *Shaker) Shake(t testing.TB, h http.Handler, requests ...*http.Request) {
	t.Helper()
	s.serial.Lock()
	defer s.serial.Unlock()
	goroutines := countGoroutines()
	trials := make([]*trial, len(requests))
	for i, r := range requests {
		trials[i] = newTrial(i+1, r)
		s.serve(h, r, trials[i])
	}
	goroutines.settle()
	ignore := compile(s.Ignore)
	for _, trial := range trials {
		for _, finding := range trial.findings(ignore, s.Fences) {
			t.Errorf("%s: %s", trial.name, finding)
		}
		if !trial.used() {
			t.Logf("%s: it sent no statement in an attempt, so no database will have it replayed", trial.name)
		}
	}
	if !slices.ContainsFunc(trials, (*trial).used) {
		t.Errorf("no request sent a statement in an attempt: is Shaker.Middleware around the handlers, " +
			"and do they use the transaction of their request?")
	}
}

// Shake shakes a handler that stands alone, or inside of the middleware; see
// [Shaker.Shake].
func Shake(t testing.TB, db txctx.DB, h http.Handler, requests ...*http.Request) {
	t.Helper()
	s := &Shaker{DB: db}
	s.Shake(t, s.Middleware(h), requests...)
}

// Effect tells s that something has happened that no rollback takes back: fakes of mailers
// and queues call it. It counts for the request, and the attempt, under way.
func (s *Shaker) Effect(name string) {
	if t := s.trial(); t != nil {
		t.effect(effect{name: name})
	}
}

func (s *Shaker) trial() *trial {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *Shaker) setTrial(t *trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = t
}
