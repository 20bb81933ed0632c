package txtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

// transfer is a handler under test.
func transfer(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	for _, sql := range []string{"debit ann", "credit bob"} {
		if err := txtest.Statement(ctx, sql); err != nil {
			return err
		}
	}
	fmt.Fprint(w, "done in attempt ", txctx.AttemptOf(ctx).Number)
	return nil
}

// The database may be an adapter's, on a real server, as well.
func ExampleWrap() {
	db := new(txtest.DB)
	faulty := txtest.Wrap(db, txtest.Plan{{Attempt: 1, Statement: 2, Reason: retryable.Deadlock}})
	h := middleware.New(faulty, middleware.Config{})(middleware.HandlerFunc(transfer))

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/transfer", nil))
	fmt.Println(w.Code, w.Body)
	fmt.Println("rolled back:", db.RolledBack())
	fmt.Println("committed:", db.Committed())
	// Output:
	// 200 done in attempt 2
	// rolled back: [debit ann]
	// committed: [debit ann credit bob]
}
