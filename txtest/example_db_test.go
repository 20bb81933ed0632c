package txtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

// A form with an error in it is answered with 422, which rolls back.
func ExampleDB() {
	db := new(txtest.DB)
	h := middleware.New(db, middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if txtest.Statement(r.Context(), "insert order") == nil && r.FormValue("item") == "" {
			http.Error(w, "which item?", http.StatusUnprocessableEntity)
		}
	}))
	for _, target := range []string{"/orders", "/orders?item=7"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, target, nil))
		fmt.Println(w.Code, db.Committed())
	}
	// Output:
	// 422 []
	// 200 [insert order]
}

// With a ledger, the request that the client sends again is answered like the first.
func ExampleDB_ledger() {
	db := &txtest.DB{Ledger: true}
	keys := middleware.Keys{Scope: func(*http.Request) (string, error) { return "ann", nil }}
	h := middleware.New(db, middleware.Config{Keys: keys})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if txtest.Statement(r.Context(), "insert payment") == nil {
			fmt.Fprint(w, "paid")
		}
	}))
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/payments", nil)
		r.Header.Set("Idempotency-Key", `"8e03978e-40d5"`)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Body, db.Committed())
	}
	// Output:
	// paid [insert payment]
	// paid [insert payment]
}

// orders is what the application uses, and fakeOrders stands for it in tests.
type orders interface {
	Add(ctx context.Context, item string) error
}

type fakeOrders struct{}

func (fakeOrders) Add(ctx context.Context, item string) error {
	return txtest.Statement(ctx, "insert order of "+item)
}

func ExampleStatement() {
	var repo orders = fakeOrders{}
	fmt.Println(repo.Add(context.Background(), "tea"))

	db := new(txtest.DB)
	err := txctx.Run(context.Background(), db, txctx.Options{}, func(ctx context.Context) error {
		return repo.Add(ctx, "tea")
	})
	fmt.Println(err, db.Committed())
	// Output:
	// reprise: no transaction in this context: it does not come from txctx.Run or from a request that passed the middleware
	// <nil> [insert order of tea]
}

func ExampleDB_Committed() {
	db := new(txtest.DB)
	_ = txctx.Run(context.Background(), db, txctx.Options{}, func(ctx context.Context) error {
		if err := txtest.Statement(ctx, "debit ann"); err != nil {
			return err
		}
		return txtest.Statement(ctx, "credit bob")
	})
	fmt.Printf("%q\n", db.Committed())
	// Output: ["debit ann" "credit bob"]
}

// The first attempt asks for a replay, and leaves nothing behind.
func ExampleDB_RolledBack() {
	db := new(txtest.DB)
	_ = txctx.Run(context.Background(), db, txctx.Options{}, func(ctx context.Context) error {
		number := txctx.AttemptOf(ctx).Number
		if err := txtest.Statement(ctx, fmt.Sprint("insert ", number)); err != nil {
			return err
		}
		if number == 1 {
			return retryable.ErrRetry
		}
		return nil
	})
	fmt.Println("rolled back:", db.RolledBack())
	fmt.Println("committed:", db.Committed())
	// Output:
	// rolled back: [insert 1]
	// committed: [insert 2]
}
