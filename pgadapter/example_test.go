package pgadapter_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// A server whose requests are SERIALIZABLE transactions.
func ExampleNew() {
	pool, err := pgxpool.New(context.Background(), "postgres://localhost/app")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	db := pgadapter.New(pool, pgadapter.Config{
		TxOptions: pgx.TxOptions{IsoLevel: pgx.Serializable},
	})
	handler := middleware.New(db, middleware.Config{ReadOnly: middleware.SafeMethods})(http.DefaultServeMux)
	log.Fatal(http.ListenAndServe("localhost:8080", handler))
}

// A handler reads and writes as if it were alone in the database.
func ExampleTx() {
	http.Handle("POST /transfer", middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		tx := pgadapter.Tx(ctx)
		var balance int
		if err := tx.QueryRow(ctx, `select balance from account where id = 1`).Scan(&balance); err != nil {
			return err
		}
		if balance < 10 {
			http.Error(w, "not enough", http.StatusPaymentRequired) // rolls back
			return nil
		}
		_, err := tx.Exec(ctx, `update account set balance = balance - 10 where id = 1`)
		return err
	}))
}

// A repository that runs inside requests and outside of them.
func ExampleFrom() {
	type querier interface {
		QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	}
	count := func(ctx context.Context, pool *pgxpool.Pool) (n int, err error) {
		var q querier = pool
		if tx, ok := pgadapter.From(ctx); ok {
			q = tx
		}
		err = q.QueryRow(ctx, `select count(*) from account`).Scan(&n)
		return n, err
	}
	_ = count
}

// A unit test gives a handler a transaction of its own, or a fake one.
func ExampleWithTx() {
	type fakeTx struct{ pgx.Tx } // with the methods that the handler calls
	ctx := pgadapter.WithTx(context.Background(), fakeTx{})
	_, ok := pgadapter.From(ctx)
	fmt.Println(ok)
	// Output: true
}

// Unique violations are not replayed, unless an application knows that another
// attempt would see the row and take another way.
func ExampleConfig_classify() {
	_ = pgadapter.Config{
		Classify: func(f retryable.Fault) retryable.Reason {
			if pgErr, ok := errors.AsType[*pgconn.PgError](f.Err); ok && pgErr.Code == "23505" {
				return retryable.Serialization
			}
			return retryable.None // the adapter decides
		},
	}
}

func ExampleClassify() {
	fmt.Println(pgadapter.Classify(retryable.Fault{Err: &pgconn.PgError{Severity: "ERROR", Code: "40P01"}, Phase: retryable.Statement}))
	fmt.Println(pgadapter.Classify(retryable.Fault{Err: &pgconn.PgError{Severity: "ERROR", Code: "23505"}, Phase: retryable.Statement}))
	fmt.Println(pgadapter.Classify(retryable.Fault{Err: pgconn.ErrConnClosed, Phase: retryable.Commit}))
	// Output:
	// deadlock
	// none
	// commit_unknown
}

// With a ledger, the outcome of a COMMIT whose answer was lost is looked up: what was
// committed is answered as such, what was not is replayed.
func ExampleDB_MigrateLedger() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://localhost/app")
	if err != nil {
		log.Fatal(err)
	}
	db := pgadapter.New(pool, pgadapter.Config{Ledger: ledger.Config{Table: ledger.DefaultTable}})
	if err := db.MigrateLedger(ctx); err != nil {
		log.Fatal(err)
	}
	go ledger.Keep(ctx, time.Hour, db.PurgeLedger, nil)

	handler := middleware.New(db, middleware.Config{})(http.DefaultServeMux)
	log.Fatal(http.ListenAndServe("localhost:8080", handler))
}
