package middleware_test

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
)

// TestRequestsOfAMiddlewareShareABudget, on all its routes; those of another have their
// own.
func TestRequestsOfAMiddlewareShareABudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lost := fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Disconnected)}
		replayed := []fakedb.Attempt{lost, {}}
		script := slices.Concat(slices.Repeat(replayed, 3), slices.Repeat([]fakedb.Attempt{lost}, 3))
		cfg := middleware.Config{
			Retry:  retryable.Policy{Outage: hasty.Outage, OutageBudget: retryable.Budget{PerSecond: 3, Window: time.Second}},
			Logger: quiet,
		}
		db := fakedb.New(script...)
		mw := layer(t, db, cfg)
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = exec(r.Context(), "a") })
		routes := []http.Handler{mw(handler), mw(handler)}
		for i, want := range []int{200, 200, 200, 503, 503, 503} {
			w := serve(routes[i%2], post(""))
			if w.Code != want || want == 503 && !within(w.Header().Get("Retry-After"), "1 to 10") {
				t.Errorf("request %d: %d, Retry-After %q, want %d", i+1, w.Code, w.Header().Get("Retry-After"), want)
			}
		}
		other := layer(t, fakedb.New(lost), cfg)(handler)
		wantStatus(t, serve(other, post("")), http.StatusOK)
	})
}
