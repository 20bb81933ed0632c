package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/go-chi/chi/v5"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
)

// items is a service whose handlers meet a conflict, stop until released, or just
// count, as their query says.
type items struct {
	release chan struct{}
	begun   atomic.Int64
}

func (it *items) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = exec(r.Context(), "a")
	it.begun.Add(1)
	switch r.URL.Query().Get("do") {
	case "conflict":
		panic(retryable.Mark(errors.New("conflict")))
	case "wait":
		<-it.release
	}
}

func (it *items) chi(mw func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(mw)
	sub := chi.NewRouter()
	sub.Handle("/{id}", it)
	r.Mount("/items", sub)
	r.Handle("/other/{id}", it)
	return r
}

func (it *items) mux(mw func(http.Handler) http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/items/{id}", it)
	mux.Handle("/other/{id}", it)
	return mw(mux)
}

// By default requests of one route queue behind each other while they conflict,
// whatever their path, and those of other routes and methods do not.
//
// Mutation: use the path for a lane.
func TestRequestsOfAConflictingRouteQueue(t *testing.T) {
	for name, build := range map[string]func(*items, func(http.Handler) http.Handler) http.Handler{
		"chi": (*items).chi, "ServeMux": (*items).mux,
	} {
		for _, tt := range []struct {
			lane    func(*http.Request) string
			method  string
			path    string
			started bool
		}{
			{nil, "POST", "/items/2", false},
			{nil, "PUT", "/items/2", true},
			{nil, "POST", "/other/2", true},
			{func(*http.Request) string { return "" }, "POST", "/items/2", true},
			{func(*http.Request) string { return "all" }, "PUT", "/other/2", false},
		} {
			t.Run(fmt.Sprintf("%s %s %s %v", name, tt.method, tt.path, tt.lane != nil), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					it := &items{release: make(chan struct{})}
					h := build(it, middleware.New(fakedb.New(), middleware.Config{
						Lane:   tt.lane,
						Retry:  retryable.Policy{MaxRetries: retryable.NoRetries},
						Logger: quiet,
					}))
					do := func(method, target string) {
						h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, target, nil))
					}
					for range 4 {
						do("POST", "/items/1?do=conflict")
					}
					var wg sync.WaitGroup
					wg.Go(func() { do("POST", "/items/1?do=wait") })
					synctest.Wait()
					before := it.begun.Load()
					wg.Go(func() { do(tt.method, tt.path) })
					synctest.Wait()
					if started := it.begun.Load() > before; started != tt.started {
						t.Errorf("started: %v, want %v", started, tt.started)
					}
					close(it.release)
					wg.Wait()
					if it.begun.Load() != before+1 {
						t.Error("the request never ran")
					}
				})
			})
		}
	}
}
