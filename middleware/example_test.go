package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func ExampleNew() {
	db := fakedb.New(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)})

	r := chi.NewRouter()
	r.Use(middleware.New(db, middleware.Config{}))
	r.Post("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if err := fakedb.Tx(ctx).Exec(ctx, "insert order "+chi.URLParam(r, "id")); err != nil {
			http.Error(w, "never seen", http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "ordered in attempt ", txctx.AttemptOf(ctx).Number)
	})

	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/orders/7", nil))
	fmt.Println(w.Code, w.Body)
	fmt.Println(db.Committed())
	// Output:
	// 200 ordered in attempt 2
	// [insert order 7]
}

func ExampleHandlerFunc() {
	db := fakedb.New(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Serialization)})
	h := middleware.New(db, middleware.Config{})(middleware.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) error {
			if err := fakedb.Tx(r.Context()).Exec(r.Context(), "update"); err != nil {
				return err // replayed if that can help, else 500
			}
			fmt.Fprint(w, "done")
			return nil
		}))

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 200 done
}

func ExampleConfig() {
	reprise := middleware.New(fakedb.New(), middleware.Config{
		Retry:      retryable.Policy{MaxRetries: 2},
		MaxBody:    1 << 20,
		ReadOnly:   middleware.SafeMethods,
		RollbackOn: func(status int) bool { return status >= 500 },
		Skip:       func(r *http.Request) bool { return r.URL.Path == "/healthz" },
		OnError: func(w http.ResponseWriter, r *http.Request, err error) {
			http.Error(w, "sorry", middleware.Status(r, err))
		},
	})
	h := reprise(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(retryable.ErrRetry) }))

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output: 503 sorry
}
