package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// stage is an app on a bed, and what its clients saw. When the test ends, the invariants
// of the torture must hold.
type stage struct {
	t   *testing.T
	bed *torture.Bed
	app *torture.App
	o   setup

	others []*torture.App
	header http.Header // of what try sends without any
	keyed  atomic.Bool // some requests had a key
	aside  int         // runs of handlers that are not the middleware's

	over sync.Once // of end
	mu   sync.Mutex
	ops  []torture.Op
	sent int
}

// setup varies a stage. The zero value is ready.
type setup struct {
	bed torture.BedOptions
	app torture.AppOptions

	variant variant          // byLedger
	fresh   bool             // each attempt has a new connection
	unknown int              // answers of outcome-unknown that are allowed, or none at all
	broken  func(*stage)     // checks instead of the invariants. none
	before  func(hook)       // done in each attempt, before its handler. nothing
	after   func(hook)       // and after it. nothing
	policy  retryable.Policy // torture.Patient()
}

// hook is an attempt in which something is done.
type hook struct {
	*stage
	ctx     context.Context
	w       http.ResponseWriter
	r       *http.Request
	attempt int
}

// exec runs a statement in the transaction of the attempt. What fails dooms it.
func (h hook) exec(query string, args ...any) error {
	return h.app.Tx(h.ctx).Exec(h.ctx, query, args...)
}

// value returns the one value that a query answers in the transaction of the attempt.
func (h hook) value(query string) (v string) {
	err := h.app.Tx(h.ctx).Each(h.ctx, func(scan func(...any) error) error { return scan(&v) }, query)
	if err != nil {
		h.t.Errorf("attempt %d: %s: %v", h.attempt, query, err)
	}
	return v
}

func newStage(t *testing.T, e torture.Engine, o setup) *stage {
	t.Helper()
	s := &stage{t: t, bed: torture.NewBed(t, e, o.bed)}
	s.bed.Proxy.DropCancels(true) // pgx sends one where it loses a connection, and who knows what it hits
	if o.policy == (retryable.Policy{}) {
		o.policy = torture.Patient()
	}
	o.app.Retry, o.app.Inside = o.policy, s.hooked
	if o.variant == "" {
		o.variant = byLedger
	}
	o.app.NoLedger = o.variant != byLedger
	if o.fresh {
		o.app.PG = func(_ *pgadapter.Config, pc *pgxpool.Config) {
			pc.AfterRelease = func(*pgx.Conn) bool { return false }
		}
		o.app.Wrap = func(db txctx.DB) txctx.DB {
			if m, ok := db.(*mysqladapter.DB); ok {
				m.SQL().SetMaxIdleConns(-1)
			}
			return db
		}
	}
	s.o = o
	s.app = torture.NewApp(t, s.bed, o.app)
	t.Cleanup(s.end)
	return s
}

// hooked wraps the handlers inside of the middleware.
func (s *stage) hooked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := hook{s, r.Context(), w, r, txctx.AttemptOf(r.Context()).Number}
		if s.o.before != nil {
			s.o.before(h)
		}
		next.ServeHTTP(w, h.r)
		if s.o.after != nil {
			s.o.after(h)
		}
	})
}

// anotherApp returns one on the same database, past the proxy. What it does counts as the
// stage's.
func (s *stage) anotherApp() *torture.App {
	o := s.o.app
	o.DSN = s.bed.Direct()
	a := torture.NewApp(s.t, s.bed, o)
	s.others = append(s.others, a)
	return a
}

// request asks for the counter to be increased by one, and returns what was answered.
func (s *stage) request(ctx context.Context, req string, header http.Header) (torture.Answer, error) {
	return s.requestOf(ctx, s.app, 1, req, header)
}

// requestOf is request of an app, about a list.
func (s *stage) requestOf(ctx context.Context, a *torture.App, list int, req string, header http.Header) (torture.Answer, error) {
	began := time.Now()
	got, err := s.ask(ctx, a, list, req, header)
	s.record(list, req, got, err, time.Since(began))
	return got, err
}

// ask is request, but leaves no trace in the history.
func (s *stage) ask(ctx context.Context, a *torture.App, list int, req string, header http.Header) (torture.Answer, error) {
	if header.Get("Idempotency-Key") != "" {
		s.keyed.Store(true)
	}
	body, _ := json.Marshal(torture.Ask{Req: req, From: list}) // strings and numbers: it cannot fail
	return a.Do(ctx, "POST", fmt.Sprintf("/append/%d", list), header, body)
}

// record keeps what a client saw.
func (s *stage) record(list int, req string, got torture.Answer, err error, took time.Duration) {
	op := torture.Op{Kind: torture.Append, Ask: torture.Ask{Req: req, From: list}, Sent: 1, Return: took, Status: got.Status, Body: got.Body}
	switch {
	case err != nil || got.Unknown():
		op.Class = torture.Unknown
	case got.Status == http.StatusOK:
		op.Class = torture.Acked
		op.Done, _ = got.Done()
	default:
		op.Class = torture.Failed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ops = append(s.ops, op)
}

// another is the name of a request that has not been sent before.
func (s *stage) another() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	return fmt.Sprintf("r%d", s.sent)
}

// end is the end of the test: the invariants hold. Where its servers go before the test
// has ended, it is called earlier.
func (s *stage) end() {
	s.over.Do(func() {
		if s.t.Failed() {
			s.t.Log(s.app.Logs())
		}
		if s.o.broken != nil {
			s.o.broken(s)
			return
		}
		for _, v := range s.violations() {
			s.t.Error(v)
		}
	})
}

// violations returns those of the invariants.
func (s *stage) violations() (all []torture.Violation) {
	s.clean()
	w := s.bed.World(s.t, !s.o.app.NoLedger)
	h := &torture.History{Ops: s.ops, Keys: s.keyed.Load()}
	events, runs := s.app.Events(), s.app.Runs()-s.aside
	for _, a := range s.others {
		events, runs = append(events, a.Events()...), runs+a.Runs()
	}
	policy := s.o.policy
	policy.MaxRetries = max(policy.MaxRetries, 0) // NoRetries is none
	if n := h.Count(torture.Unknown); n > s.o.unknown {
		all = append(all, torture.Violation{Invariant: 4, What: fmt.Sprintf("%d requests are in doubt, where %d may be", n, s.o.unknown)})
	}
	for _, found := range [][]torture.Violation{
		torture.AtMostOnce(w), torture.AckedApplied(h, w), torture.FailedAbsent(h, w),
		torture.Money(h, w), torture.Marks(w), torture.OneRing(w), torture.AppendLists(h, w),
		torture.Accounting(h, events, runs, policy),
	} {
		all = append(all, found...)
	}
	return all
}
