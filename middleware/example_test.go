package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

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

// The second request is the client's second try: it is answered like the first, and
// nothing is paid twice.
func ExampleKeys() {
	db := fakedb.New().KeepKeys(24 * time.Hour) // an adapter with a ledger

	// Outside: a stored answer asks no handler whether the caller may see it.
	authenticate := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			if password != "secret" {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
		})
	}
	keys := middleware.Keys{
		Scope: func(r *http.Request) (string, error) { return r.Context().Value(userKey{}).(string), nil },
	}

	r := chi.NewRouter()
	r.Use(authenticate)
	r.Use(middleware.New(db, middleware.Config{Keys: keys}))
	payments := 0
	r.Post("/payments", func(w http.ResponseWriter, r *http.Request) {
		payments++
		if err := fakedb.Tx(r.Context()).Exec(r.Context(), "insert payment"); err != nil {
			return // doomed, and replayed
		}
		fmt.Fprint(w, "payment ", payments)
	})

	for _, user := range []string{"ann", "ann", "bob"} {
		req := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader("12.50"))
		req.SetBasicAuth(user, "secret")
		req.Header.Set("Idempotency-Key", `"8e03978e-40d5-43dd-bc93-6894a57f9324"`)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		fmt.Printf("%s: %d %s, replayed: %t\n", user, w.Code, w.Body, w.Header().Get("Idempotency-Replayed") == "true")
	}
	// Output:
	// ann: 200 payment 1, replayed: false
	// ann: 200 payment 1, replayed: true
	// bob: 200 payment 2, replayed: false
}

type userKey struct{}
