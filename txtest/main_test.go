package txtest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
	// hasty keeps the pauses of tests short.
	hasty = retryable.Policy{
		Conflict: retryable.Backoff{Base: 1, Max: 1},
		Outage:   retryable.Backoff{Base: 1, Max: 1},
	}
)

// run runs fn without pauses worth mentioning.
func run(t *testing.T, db txctx.DB, fn func(context.Context) error) error {
	t.Helper()
	return txctx.Run(t.Context(), db, txctx.Options{Retry: hasty, Logger: quiet}, fn)
}

// statements returns a function that sends them, and stops at the first error.
func statements(texts ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, text := range texts {
			if err := txtest.Statement(ctx, text); err != nil {
				return err
			}
		}
		return nil
	}
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// witness is a test that fails instead of the one that runs.
type witness struct {
	testing.TB
	mu      sync.Mutex
	errors  []string
	cleanup []func()
}

func (*witness) Helper()             {}
func (*witness) Logf(string, ...any) {}

func (w *witness) Cleanup(f func()) { w.cleanup = append(w.cleanup, f) }

func (w *witness) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors = append(w.errors, fmt.Sprintf(format, args...))
}

func get(target string) *http.Request { return httptest.NewRequest(http.MethodGet, target, nil) }

func post(target, body string) *http.Request {
	return httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
}

// serve answers r through the middleware.
func serve(db txctx.DB, cfg middleware.Config, r *http.Request, h http.HandlerFunc) *httptest.ResponseRecorder {
	if cfg.Retry == (retryable.Policy{}) {
		cfg.Retry = hasty
	}
	cfg.Logger = quiet
	w := httptest.NewRecorder()
	middleware.New(db, cfg)(h).ServeHTTP(w, r)
	return w
}
