package middleware_test

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	quiet   = slog.New(slog.NewTextHandler(io.Discard, nil))
	nullLog = log.New(io.Discard, "", 0)
	// hasty keeps the pauses of tests on the real clock short.
	hasty = retryable.Policy{
		Conflict: retryable.Backoff{Base: 1, Max: 1},
		Outage:   retryable.Backoff{Base: 1, Max: 1},
	}
)

const kib = 1 << 10

// wrap puts h behind the middleware.
func wrap(t *testing.T, db txctx.DB, cfg middleware.Config, h http.HandlerFunc) http.Handler {
	t.Helper()
	return layer(t, db, cfg)(h)
}

// layer is the middleware, with a folder of its own that must be empty at the end.
func layer(t *testing.T, db txctx.DB, cfg middleware.Config) func(http.Handler) http.Handler {
	t.Helper()
	if cfg.Retry == (retryable.Policy{}) {
		cfg.Retry = hasty
	}
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	if cfg.TempDir == "" {
		cfg.TempDir = t.TempDir()
	}
	t.Cleanup(func() {
		if db, ok := db.(*fakedb.DB); ok && db.Open() != 0 {
			t.Errorf("%d transactions left open", db.Open())
		}
		entries, err := os.ReadDir(cfg.TempDir)
		if err != nil {
			t.Error(err)
		}
		for _, entry := range entries {
			t.Errorf("temp file left behind: %s", entry.Name())
		}
	})
	return middleware.New(db, cfg)
}

// serve answers r through httptest.
func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(target string) *http.Request { return httptest.NewRequest(http.MethodGet, target, nil) }

func post(body string) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
}

// chunked hides the length of a body.
func chunked(r io.Reader) io.Reader { return struct{ io.Reader }{r} }

func exec(ctx context.Context, name string) error { return fakedb.Tx(ctx).Exec(ctx, name) }

func number(r *http.Request) int { return txctx.AttemptOf(r.Context()).Number }

// doomedOnce is a database whose first attempt meets a deadlock at its first
// statement.
func doomedOnce() *fakedb.DB {
	return fakedb.New(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)})
}

// doomedAlways is a database whose every attempt meets reason.
func doomedAlways(reason retryable.Reason) *fakedb.DB {
	return fakedb.New(fakedb.Always(fakedb.Attempt{Statements: fakedb.Faults(1, reason)}))
}

// pattern is n bytes that tell their position.
func pattern(n int) string {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return string(p)
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Errorf("status %d, want %d; body %.200q", w.Code, want, w.Body)
	}
}

func wantCommitted(t *testing.T, db *fakedb.DB, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, db.Committed()); diff != "" {
		t.Errorf("committed (-want +got):\n%s", diff)
	}
}
