package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
)

func TestRule13_TheMiddlewareInsideItselfJoins(t *testing.T) {
	t.Parallel()
	db := doomedOnce()
	n := 0
	reprise := layer(t, db, middleware.Config{})
	h := reprise(reprise(middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		n++
		_, _ = io.WriteString(w, "once")
		return exec(r.Context(), "a")
	})))
	w := serve(h, post("body"))
	wantStatus(t, w, http.StatusOK)
	if n != 2 || w.Body.String() != "once" {
		t.Errorf("%d attempts, body %q", n, w.Body)
	}
	wantCommitted(t, db, "a")
}

// Mutation: serve nested requests like others.
func TestRule13_TheMiddlewareInsideItselfDoesNothingElse(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	inner := layer(t, db, middleware.Config{
		MaxBody: 1, MaxResponse: 1,
		RollbackOn: func(int) bool { return true },
		OnError:    func(http.ResponseWriter, *http.Request, error) { t.Error("the inner one answered") },
	})
	var seen http.ResponseWriter
	h := wrap(t, db, middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
		inner(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = w
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
			_ = exec(r.Context(), "a")
		})).ServeHTTP(w, r)
		if seen != w {
			t.Error("the writer was sealed twice")
		}
	})
	if w := serve(h, post("longer than one")); w.Body.String() != "longer than one" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	wantCommitted(t, db, "a")
}

func TestRule13_AnExhaustedNestedRequestMadeSixAttempts(t *testing.T) {
	t.Parallel()
	n := 0
	reprise := layer(t, doomedAlways(retryable.Deadlock), middleware.Config{})
	h := reprise(reprise(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n++
		_ = exec(r.Context(), "a")
	})))
	wantStatus(t, serve(h, get("/")), http.StatusServiceUnavailable)
	if n != 6 {
		t.Errorf("%d attempts", n)
	}
}

func TestRule13_TheMiddlewareOfAnotherDatabaseInsidePanics(t *testing.T) {
	t.Parallel()
	db, other := fakedb.New(), fakedb.New()
	inner := layer(t, other, middleware.Config{})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	h := wrap(t, db, middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
		_ = exec(r.Context(), "a")
		inner.ServeHTTP(w, r)
	})
	if got := fmt.Sprint(panicOf(func() { serve(h, get("/")) })); !strings.Contains(got, "second database") {
		t.Errorf("panic %q", got)
	}
	wantCommitted(t, db)
}

func TestRule09_APanicPassesThroughTheMiddleware(t *testing.T) {
	t.Parallel()
	for _, want := range []any{"text", errSecret, http.ErrAbortHandler} {
		db := fakedb.New()
		h := wrap(t, db, middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
			_ = exec(r.Context(), "a")
			_, _ = io.WriteString(w, pattern(100*kib)) // a temp file to be removed
			panic(want)
		})
		if got := panicOf(func() { serve(h, post(pattern(100*kib))) }); got != want {
			t.Errorf("panic %v, want %v", got, want)
		}
		wantCommitted(t, db)
	}
}
