package txtest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

// shop is an application: in production its mail goes to a server, and reprise is
// middleware.New(db, cfg).
type shop struct {
	mail   func(to string)
	client *http.Client
}

func newShop(reprise func(http.Handler) http.Handler, s shop) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.order)
	mux.HandleFunc("POST /refunds", s.refund)
	return reprise(mux)
}

func (s shop) order(w http.ResponseWriter, r *http.Request) {
	item, _ := io.ReadAll(r.Body)
	if err := txtest.Statement(r.Context(), "insert order of "+string(item)); err != nil {
		txctx.Fail(r.Context(), err)
		return
	}
	s.mail("ann") // before COMMIT
	w.WriteHeader(http.StatusCreated)
}

func (s shop) refund(w http.ResponseWriter, r *http.Request) {
	if err := txtest.Statement(r.Context(), "insert refund"); err != nil {
		txctx.Fail(r.Context(), err)
		return
	}
	resp, err := s.client.Post("http://bank.test/refunds", "text/plain", strings.NewReader("12.50"))
	if err != nil {
		txctx.Fail(r.Context(), err)
		return
	}
	_ = resp.Body.Close()
	txctx.AfterCommit(r.Context(), func(context.Context) { s.mail("ann") }) // as it should be
}

// bank answers without a network.
type bank struct{}

func (bank) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// A whole application, with a fake mailer and a fake bank.
func ExampleShaker() {
	t := newPrinter() // in a test, its *testing.T
	db := new(txtest.DB)
	s := &txtest.Shaker{DB: db}
	app := newShop(s.Middleware, shop{
		mail:   func(to string) { s.Effect("mail to " + to) },
		client: &http.Client{Transport: s.Transport(bank{})},
	})
	s.Shake(t, app,
		httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader("tea")),
		httptest.NewRequest(http.MethodPost, "/refunds", nil),
	)
	fmt.Println(db.Committed())
	// Output:
	// POST /orders (request 1): mail to ann happened in an attempt that was rolled back, and again in its replay; do it in txctx.AfterCommit, by an outbox, or once for all attempts by txctx.Once
	// POST /refunds (request 2): POST http://bank.test/refunds happened in an attempt that was rolled back, and again in its replay; do it in txctx.AfterCommit, by an outbox, or once for all attempts by txctx.Once
	// [insert order of tea insert refund]
}
