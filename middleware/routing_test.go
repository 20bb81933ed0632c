package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
)

// tellRoute is a handler that says how it was routed, and is doomed at first.
func tellRoute(w http.ResponseWriter, r *http.Request) {
	rctx := chi.RouteContext(r.Context())
	fmt.Fprintf(w, "%d %s %s %d", number(r), chi.URLParam(r, "id"), rctx.RoutePattern(), len(rctx.RoutePatterns))
	_ = exec(r.Context(), "a")
}

// Mutation: hand chi's own route context to every attempt.
func TestRule06_AReplayIsRoutedByChiAsTheFirstAttempt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		build func(reprise func(http.Handler) http.Handler) http.Handler
		want  string // what the third attempt answers
	}{
		{"flat", func(reprise func(http.Handler) http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Use(reprise)
			r.Get("/api/items/{id}", tellRoute)
			return r
		}, "3 7 /api/items/{id} 1"},
		{"outside of Mount", func(reprise func(http.Handler) http.Handler) http.Handler {
			r, sub := chi.NewRouter(), chi.NewRouter()
			sub.Get("/items/{id}", tellRoute)
			r.Use(reprise)
			r.Mount("/api", sub)
			return r
		}, "3 7 /api/items/{id} 2"},
		{"under Mount", func(reprise func(http.Handler) http.Handler) http.Handler {
			r, sub := chi.NewRouter(), chi.NewRouter()
			sub.Use(reprise)
			sub.Get("/items/{id}", tellRoute)
			r.Mount("/api", sub)
			return r
		}, "3 7 /api/items/{id} 2"},
		{"between two Mounts", func(reprise func(http.Handler) http.Handler) http.Handler {
			r, sub, leaf := chi.NewRouter(), chi.NewRouter(), chi.NewRouter()
			leaf.Get("/{id}", tellRoute)
			sub.Use(reprise)
			sub.Mount("/items", leaf)
			r.Mount("/api", sub)
			return r
		}, "3 7 /api/items/{id} 3"},
		{"With", func(reprise func(http.Handler) http.Handler) http.Handler {
			r := chi.NewRouter()
			r.With(reprise).Get("/api/items/{id}", tellRoute)
			return r
		}, "3 7 /api/items/{id} 1"},
		{"outside of chi", func(reprise func(http.Handler) http.Handler) http.Handler {
			r, sub := chi.NewRouter(), chi.NewRouter()
			sub.Get("/items/{id}", tellRoute)
			r.Mount("/api", sub)
			return reprise(r)
		}, "3 7 /api/items/{id} 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doomed := fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)}
			h := tt.build(layer(t, fakedb.New(doomed, doomed), middleware.Config{}))
			w := serve(h, get("/api/items/7"))
			wantStatus(t, w, http.StatusOK)
			if got := w.Body.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Mutation: leave copyBack out.
func TestRule06_OuterMiddlewareSeesTheRouteOfTheLastAttempt(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*http.Request){
		"answered":  func(*http.Request) {},
		"exhausted": func(*http.Request) { panic(retryable.ErrRetry) },
		"panicked":  func(*http.Request) { panic("x") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pattern, param, value string
			outer := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() {
						_ = recover()
						pattern, param = chi.RouteContext(r.Context()).RoutePattern(), chi.URLParam(r, "id")
						value, _ = r.Context().Value(http.LocalAddrContextKey).(string)
					}()
					next.ServeHTTP(w, r)
				})
			}
			r, sub := chi.NewRouter(), chi.NewRouter()
			r.Use(outer)
			sub.Use(layer(t, doomedOnce(), middleware.Config{}))
			sub.Get("/items/{id}", func(w http.ResponseWriter, r *http.Request) {
				tellRoute(w, r)
				end(r)
			})
			r.Mount("/api", sub)
			serve(r, get("/api/items/7"))
			if pattern != "/api/items/{id}" || param != "7" || value != "" {
				t.Errorf("pattern %q, id %q", pattern, param)
			}
		})
	}
}

func TestRule06_OuterMiddlewareSeesThePatternOfServeMux(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.PathValue("id"))
		_ = exec(r.Context(), "a")
	})
	h := layer(t, doomedOnce(), middleware.Config{})(mux)
	r := get("/items/7")
	w := serve(h, r)
	if w.Body.String() != "7" || r.Pattern != "GET /items/{id}" {
		t.Errorf("%q, pattern %q", w.Body, r.Pattern)
	}
}

func TestRule06_BehindServeMuxEachAttemptHasPatternAndPathValues(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("GET /items/{id}", wrap(t, doomedOnce(), middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Pattern+" "+r.PathValue("id"))
		r.Pattern = ""
		r.SetPathValue("id", "spoilt")
		if exec(r.Context(), "a") == nil {
			r.Pattern = "GET /items/{id}"
		}
	}))
	if got := serve(mux, get("/items/7")).Body.String(); got != "GET /items/{id} 7" {
		t.Errorf("got %q", got)
	}
}

func TestRule06_ChiAnswersNotFoundAndMethodNotAllowedInAReplay(t *testing.T) {
	t.Parallel()
	r, sub := chi.NewRouter(), chi.NewRouter()
	doomOnce := func(w http.ResponseWriter, r *http.Request, code int) {
		_ = exec(r.Context(), "a")
		w.WriteHeader(code)
	}
	sub.Use(layer(t, fakedb.New(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)}), middleware.Config{}))
	sub.Post("/items", func(http.ResponseWriter, *http.Request) {})
	sub.NotFound(func(w http.ResponseWriter, r *http.Request) { doomOnce(w, r, http.StatusNotFound) })
	sub.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { doomOnce(w, r, http.StatusMethodNotAllowed) })
	r.Mount("/api", sub)
	wantStatus(t, serve(r, get("/api/nowhere")), http.StatusNotFound)
	wantStatus(t, serve(r, get("/api/items")), http.StatusMethodNotAllowed)
}
