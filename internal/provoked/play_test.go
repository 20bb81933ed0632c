package provoked_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// retries is how often the middleware replays here.
const retries = 2

// play sends one request to each scenario. Those that share a server do so one after
// the other, unless parallel.
func play[D database](t *testing.T, parallel bool, open func(t *testing.T) D, list []scenario[D]) {
	for _, s := range list {
		t.Run(strings.TrimSpace(s.row+" "+s.name), func(t *testing.T) {
			if parallel {
				t.Parallel()
			}
			if s.open == nil {
				s.open = open
			}
			p := &stage[D]{T: t, scenario: s, want: s.want(t), db: s.open(t)}
			p.request()
			p.check()
		})
	}
}

// stage is a scenario while it plays.
type stage[D database] struct {
	*testing.T
	scenario[D]
	want verdict
	db   D

	mu     sync.Mutex
	first  *attempt[D]
	events []txctx.Event

	answered int
	problem  string
	logs     strings.Builder // of the request's goroutine alone
}

// request sends the request and takes the answer.
func (p *stage[D]) request() {
	policy := retryable.Policy{
		MaxRetries: retries,
		RetryFor:   time.Minute, // a slow machine is no reason to give up
		Outage:     retryable.Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond},
	}
	if p.policy != nil {
		p.policy(&policy)
	}
	mw := middleware.New(p.db.adapter(), middleware.Config{
		Retry:    policy,
		ReadOnly: middleware.SafeMethods,
		TempDir:  p.TempDir(),
		Observe:  p.observe,
		Logger:   slog.New(slog.NewTextHandler(&p.logs, nil)),
	})
	h := mw(middleware.HandlerFunc(p.handle))
	if p.outer != nil {
		h = p.outer(h)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	method := http.MethodPost
	if p.readOnly {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(p.Context(), method, srv.URL, nil)
	if err != nil {
		p.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.Fatal(err)
	}
	p.answered = resp.StatusCode
	var problem struct{ Type string }
	if json.Unmarshal(body, &problem) == nil {
		_, p.problem, _ = strings.Cut(problem.Type, "#")
	}
}

// handle is the handler.
func (p *stage[D]) handle(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	a := &attempt[D]{T: p.T, ctx: ctx, db: p.db, number: txctx.AttemptOf(ctx).Number}
	if a.number == 1 {
		p.mu.Lock()
		p.first = a
		p.mu.Unlock()
	}
	if err := p.run(a); err != nil && !p.swallow {
		return err
	}
	_, err := io.WriteString(w, "done")
	return err
}

func (p *stage[D]) run(a *attempt[D]) (err error) {
	mine := a.number == 1 || p.always
	if mine && p.before != nil {
		p.before(a)
	}
	if a.session, err = p.db.begin(a.ctx); err != nil {
		return err
	}
	if !p.readOnly && !p.noEffect {
		if err := p.db.effect(a.ctx, a.number); err != nil {
			return err
		}
	}
	if !mine || p.provoke == nil {
		return nil
	}
	if err = p.provoke(a); err != nil {
		p.checkRollsBack()
	}
	return err
}

// checkRollsBack looks, while the attempt knows of the error and has not ended yet,
// what the server has undone by itself.
func (p *stage[D]) checkRollsBack() {
	switch p.want.rollsBack {
	case "tx":
		p.eventually("the server has rolled back by itself", func() bool { return !p.db.locked(p.T) })
	case "statement":
		if !p.db.locked(p.T) {
			p.Error("the server has rolled back more than the statement")
		}
	}
}

// observe is told when attempts are over.
func (p *stage[D]) observe(_ context.Context, ev txctx.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, ev)
	if ev.Kind != txctx.AttemptEnded || ev.Attempt != 1 {
		return
	}
	if p.first != nil {
		p.checkConnection(p.first.session)
		for _, fn := range slices.Backward(p.first.over) {
			fn()
		}
	}
	if p.heal != nil {
		p.heal(p.T, p.db)
	}
}

// checkConnection looks what became of the connection of attempt 1.
func (p *stage[D]) checkConnection(session string) {
	switch {
	case session == "" || p.spared:
	case p.want.kept:
		if !p.db.pooled(p.T, session) {
			p.Error("the connection is not in the pool")
		}
	default:
		p.eventually("the connection has left the pool", func() bool { return !p.db.pooled(p.T, session) })
	}
}

// matches says whether err is the one of the scenario.
func (p *stage[D]) matches(err error) bool {
	return err != nil &&
		(p.want.code == "" || p.db.code(err) == p.want.code) &&
		strings.Contains(err.Error(), p.text) &&
		(p.is == nil || errors.Is(err, p.is)) &&
		(p.like == nil || p.like(err))
}

// eventually polls until ok reports true.
func (p *stage[D]) eventually(what string, ok func() bool) {
	p.Helper()
	eventually(p.T, what, ok)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	dbtest.Within(t, 10*time.Second, what, ok)
}
