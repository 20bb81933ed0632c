package txtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

// A handler that counts in a variable: the client would see the second number.
func ExampleShake() {
	t := newPrinter() // in a test, its *testing.T
	served := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if txtest.Statement(r.Context(), "insert order") == nil {
			served++
			fmt.Fprint(w, "order ", served)
		}
	})
	txtest.Shake(t, new(txtest.DB), h, httptest.NewRequest(http.MethodPost, "/orders", nil))
	// Output:
	// POST /orders (request 1): the answer differs at byte 6: "order 1" in attempt 1, and "order 2" in 2; keep what it is made of by txctx.Once, do not count in variables, or list it in Shaker.Ignore
}

// Ids come from a sequence, which does not roll back: they may differ.
func ExampleShaker_Shake() {
	t := newPrinter() // in a test, its *testing.T
	id := 6
	s := &txtest.Shaker{DB: new(txtest.DB), Ignore: []string{`"id":\d+`, `^Location: .*`}}
	h := s.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if txtest.Statement(r.Context(), "insert order returning id") == nil {
			id++
			w.Header().Set("Location", fmt.Sprint("/orders/", id))
			fmt.Fprintf(w, `{"id":%d}`, id)
		}
	}))
	s.Shake(t, h, httptest.NewRequest(http.MethodPost, "/orders", nil))
	fmt.Println("served in two attempts, last id", id)
	// Output: served in two attempts, last id 8
}

// Middleware outside of Reprise sees one request, and is not shaken.
func ExampleShaker_Middleware() {
	t := newPrinter() // in a test, its *testing.T
	s := &txtest.Shaker{DB: new(txtest.DB)}
	logged := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Println("outside:", r.URL.Path)
			next.ServeHTTP(w, r)
		})
	}
	h := logged(s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("inside, attempt", txctx.AttemptOf(r.Context()).Number)
		_ = txtest.Statement(r.Context(), "select")
	})))
	s.Shake(t, h, httptest.NewRequest(http.MethodGet, "/orders", nil))
	// Output:
	// outside: /orders
	// inside, attempt 1
	// inside, attempt 2
}

// With a key of the request's own, the bank knows that it is the same refund.
func ExampleShaker_Transport() {
	t := newPrinter() // in a test, its *testing.T
	s := &txtest.Shaker{DB: new(txtest.DB)}
	client := &http.Client{Transport: s.Transport(bank{})}
	h := s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = txtest.Statement(r.Context(), "insert refund")
		key := ""
		if r.URL.Path == "/keyed" {
			key = "refund 7"
		}
		out, _ := http.NewRequestWithContext(r.Context(), http.MethodPost, "http://bank.test"+r.URL.Path, nil)
		out.Header.Set("Idempotency-Key", key)
		if resp, err := client.Do(out); err == nil {
			_ = resp.Body.Close()
		}
	}))
	s.Shake(t, h,
		httptest.NewRequest(http.MethodPost, "/keyed", nil),
		httptest.NewRequest(http.MethodPost, "/bare", nil),
	)
	// Output:
	// POST /bare (request 2): POST http://bank.test/bare happened in an attempt that was rolled back, and again in its replay; do it in txctx.AfterCommit, by an outbox, or once for all attempts by txctx.Once
}

func ExampleShaker_Effect() {
	t := newPrinter() // in a test, its *testing.T
	s := &txtest.Shaker{DB: new(txtest.DB)}
	publish := func(topic string) { s.Effect("publish to " + topic) } // the fake of a queue
	h := s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = txtest.Statement(r.Context(), "insert order")
		publish("orders")                                                                  // in every attempt
		txctx.AfterCommit(r.Context(), func(context.Context) { publish("confirmations") }) // once
	}))
	s.Shake(t, h, httptest.NewRequest(http.MethodPost, "/orders", nil))
	// Output:
	// POST /orders (request 1): publish to orders happened in an attempt that was rolled back, and again in its replay; do it in txctx.AfterCommit, by an outbox, or once for all attempts by txctx.Once
}
