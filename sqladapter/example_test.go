package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net/http"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// Any driver's connector will do: stdlib.GetConnector(cfg) with pgadapter.Classify
// is PostgreSQL for libraries that want a *sql.Tx.
func ExampleNew() {
	var connector driver.Connector = &server{} // your driver's
	var classify retryable.Classifier = classify

	db := sqladapter.New(connector, sqladapter.Config{Classify: classify})
	defer db.Close()
	db.SQL().SetMaxOpenConns(20)

	err := txctx.Run(context.Background(), db, txctx.Options{}, func(ctx context.Context) error {
		_, err := sqladapter.Tx(ctx).ExecContext(ctx, `update account set balance = balance - 10`)
		return err
	})
	fmt.Println(err)
	// Output: <nil>
}

// A handler gives its transaction to whatever takes a *sql.Tx.
func ExampleTx() {
	http.HandleFunc("POST /pay", func(w http.ResponseWriter, r *http.Request) {
		tx := sqladapter.Tx(r.Context())
		if _, err := tx.ExecContext(r.Context(), `insert into payment values (10)`); err != nil {
			txctx.Fail(r.Context(), err)
		}
	})
}
