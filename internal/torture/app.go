package torture

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// App is an HTTP server on a bed.
type App struct {
	Bed    *Bed
	URL    string
	Client *http.Client
	DB     txctx.DB // as given to the middleware

	o       AppOptions
	adapter *adapter
	server  *httptest.Server
	runs    atomic.Int64

	mu     sync.Mutex
	events []txctx.Event
	logs   bytes.Buffer
}

// adapter is one of Reprise's.
type adapter struct {
	txctx.DB
	tx      func(context.Context) Tx
	inUse   func() int
	migrate func(context.Context) error
	purge   func(context.Context) (int64, error)
	close   func()
}

// AppOptions vary an app. The zero value is ready.
type AppOptions struct {
	// NoLedger leaves the ledger out. false
	NoLedger bool
	// Isolation is that of every transaction. SERIALIZABLE on PostgreSQL, the server's
	// REPEATABLE READ on MariaDB, whose handlers take their locks by SELECT FOR UPDATE
	Isolation sql.IsolationLevel
	// Conns is the size of the pool. 8
	Conns int
	// Retry is the middleware's. Patient()
	Retry retryable.Policy
	// DSN is the database. through the bed's proxy
	DSN string

	// Wrap changes the adapter, for controls. nothing
	Wrap func(txctx.DB) txctx.DB
	// Inside wraps the handlers inside of the middleware. nothing
	Inside func(http.Handler) http.Handler
	// Routes adds routes beside those of the torture. none
	Routes func(*http.ServeMux, *App)
	// Middleware, PG and Maria have the last word about configurations. none
	Middleware func(*middleware.Config)
	PG         func(*pgadapter.Config, *pgxpool.Config)
	Maria      func(*mysqladapter.Config)
}

// Patient is the policy of storms: no request is given up while the server restarts, and
// a silent network does not take long to be noticed.
func Patient() retryable.Policy {
	return retryable.Policy{
		MaxRetries: 200, RetryFor: 30 * time.Second, ConnectWait: 10 * time.Second, AttemptTimeout: time.Second,
		CommitTimeout: 400 * time.Millisecond, ResolveFor: 20 * time.Second,
		Outage: retryable.Backoff{Base: 5 * time.Millisecond, Max: 100 * time.Millisecond},
	}
}

// NewApp returns an app, which is closed when the test ends. Everything must have been
// given back by then: see [App.CheckClean].
func NewApp(tb testing.TB, b *Bed, o AppOptions) *App {
	tb.Helper()
	if o.Conns == 0 {
		o.Conns = 8
	}
	if o.Retry == (retryable.Policy{}) {
		o.Retry = Patient()
	}
	if o.DSN == "" {
		o.DSN = b.DSN()
	}
	a := &App{Bed: b, o: o, adapter: b.engine.adapt(tb, o.DSN, o)}
	if !o.NoLedger {
		if err := a.adapter.migrate(context.Background()); err != nil {
			tb.Fatal(err)
		}
	}
	a.DB = a.adapter.DB
	if o.Wrap != nil {
		a.DB = o.Wrap(a.DB)
	}
	a.DB = named{a.DB}
	cfg := middleware.Config{
		Retry:    o.Retry,
		ReadOnly: middleware.SafeMethods,
		Observe:  a.observe,
		Logger:   slog.New(slog.NewTextHandler((*logWriter)(a), nil)),
	}
	if _, ok := (named{a.DB}).KeepsKeys(); ok {
		cfg.Keys.Scope = func(*http.Request) (string, error) { return "torture", nil }
	}
	if o.Middleware != nil {
		o.Middleware(&cfg)
	}
	a.server = httptest.NewServer(middleware.New(a.DB, cfg)(a.counted(a.routes())))
	a.URL = a.server.URL
	a.Client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	tb.Cleanup(func() { a.close(tb) })
	return a
}

func (a *App) close(tb testing.TB) {
	a.Bed.Proxy.Clear()
	a.server.CloseClientConnections()
	a.Client.CloseIdleConnections()
	a.server.Close()
	a.Bed.Proxy.CutAll(faultproxy.RST) // of what sits in a black hole
	a.CheckClean(tb)
	a.adapter.close()
}

// counted counts the runs of handlers.
func (a *App) counted(next http.Handler) http.Handler {
	if a.o.Inside != nil {
		next = a.o.Inside(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.runs.Add(1)
		next.ServeHTTP(w, r)
	})
}

func (a *App) observe(_ context.Context, ev txctx.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, ev)
}

// Tx returns the transaction of a request.
func (a *App) Tx(ctx context.Context) Tx { return a.adapter.tx(ctx) }

// Purge purges the ledger.
func (a *App) Purge(ctx context.Context) (int64, error) { return a.adapter.purge(ctx) }

// Runs returns how often a handler ran.
func (a *App) Runs() int { return int(a.runs.Load()) }

// Events returns what was observed so far.
func (a *App) Events() []txctx.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.events)
}

// Count returns how many events of a kind there were.
func (a *App) Count(kind txctx.EventKind) (n int) {
	for _, ev := range a.Events() {
		if ev.Kind == kind {
			n++
		}
	}
	return n
}

// InUse returns how many connections of the pool are in use.
func (a *App) InUse() int { return a.adapter.inUse() }

// Logs returns what the middleware has logged.
func (a *App) Logs() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.logs.String()
}

type logWriter App

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.Write(p)
}

// CheckClean is invariant 10, as far as an app can see: no connection is in use. pgx may
// keep one for 15 s whose statement was cut off.
func (a *App) CheckClean(tb testing.TB) {
	tb.Helper()
	dbtest.Within(tb, 25*time.Second, "no connection in use", func() bool { return a.InUse() == 0 })
}

// Do sends a request and reads the answer. The error is that of the network.
func (a *App) Do(ctx context.Context, method, path string, header http.Header, body []byte) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.URL+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	maps.Copy(req.Header, header)
	resp, err := a.Client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: got}, err
}
