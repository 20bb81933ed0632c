package txtest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

// What clients are told when nobody knows whether their request took effect, and how a
// ledger spares them that.
func ExamplePlan() {
	lost := txtest.Fault{Attempt: 1, AtCommit: true, Reason: retryable.CommitUnknown, Applied: true}
	for _, tt := range []struct {
		name   string
		plan   txtest.Plan
		ledger bool
	}{
		{"refused and lost", txtest.Plan{
			{Attempt: 1, AtConnect: true, Reason: retryable.Failover},
			{Attempt: 2, Statement: 1, Reason: retryable.Disconnected},
		}, false},
		{"lost at COMMIT", txtest.Plan{lost}, false},
		{"lost at COMMIT, with a ledger", txtest.Plan{lost}, true},
	} {
		db := &txtest.DB{Ledger: tt.ledger}
		cfg := middleware.Config{Logger: slog.New(slog.DiscardHandler)}
		h := middleware.New(txtest.Wrap(db, tt.plan), cfg)(middleware.HandlerFunc(transfer))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/transfer", nil))
		fmt.Printf("%s: %d, committed %d\n", tt.name, w.Code, len(db.Committed()))
	}
	// Output:
	// refused and lost: 200, committed 2
	// lost at COMMIT: 503, committed 2
	// lost at COMMIT, with a ledger: 200, committed 2
}

func ExampleFault() {
	fmt.Println(txtest.Fault{Attempt: 1, Statement: 2, Reason: retryable.Deadlock})
	fmt.Println(txtest.Fault{Attempt: 1, AtConnect: true, Reason: retryable.Overloaded})
	fmt.Println(txtest.Fault{Attempt: 2, AtCommit: true, Reason: retryable.CommitUnknown, Applied: true})
	// Output:
	// deadlock at statement 2 of attempt 1
	// overloaded at connect of attempt 1
	// commit_unknown (applied) at COMMIT of attempt 2
}

func ExampleFault_String() {
	fault := txtest.Fault{Attempt: 3, AtCommit: true, Reason: retryable.Serialization}
	fmt.Println("planned:", fault.String())
	// Output: planned: serialization at COMMIT of attempt 3
}

// There is no third statement, so the plan has tested nothing.
func ExampleFaultyDB_Unfired() {
	db := txtest.Wrap(new(txtest.DB), txtest.Plan{{Attempt: 1, Statement: 3, Reason: retryable.Deadlock}})
	h := middleware.New(db, middleware.Config{})(middleware.HandlerFunc(transfer))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/transfer", nil))
	fmt.Println(db.Unfired())
	// Output: [deadlock at statement 3 of attempt 1]
}

func ExampleFaultyDB_MustFire() {
	t := newPrinter() // in a test, its *testing.T
	defer t.end()

	plan := txtest.Plan{{Attempt: 2, Statement: 1, Reason: retryable.Deadlock}}
	db := txtest.Wrap(new(txtest.DB), plan).MustFire(t)
	err := txctx.Run(context.Background(), db, txctx.Options{}, func(ctx context.Context) error {
		return txtest.Statement(ctx, "insert")
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// planned, but no attempt got so far: deadlock at statement 1 of attempt 2
}
