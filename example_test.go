package reprise_test

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// The program of the README.
func Example() {
	pool, err := pgxpool.New(context.Background(), os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	db := pgadapter.New(pool, pgadapter.Config{TxOptions: pgx.TxOptions{IsoLevel: pgx.Serializable}})

	r := chi.NewRouter() // or an http.ServeMux, wrapped
	r.Use(middleware.New(db, middleware.Config{}))
	r.Method("POST", "/accounts/{id}/withdraw", middleware.HandlerFunc(withdraw))
	log.Fatal(http.ListenAndServe("localhost:8080", r))
}

func withdraw(w http.ResponseWriter, r *http.Request) error {
	tx := pgadapter.Tx(r.Context()) // begun by its first statement, committed for you
	_, err := tx.Exec(r.Context(), `update account set balance = balance - 10 where id = $1`, r.PathValue("id"))
	return err // replayed if that can help, else a 500; without error sent after COMMIT
}

// A job that waits for the database as long as its context lives.
func Example_job() {
	pool, err := pgxpool.New(context.Background(), os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	db := pgadapter.New(pool, pgadapter.Config{})
	err = txctx.Run(context.Background(), db, txctx.Options{Retry: retryable.Persistent()}, func(ctx context.Context) error {
		_, err := pgadapter.Tx(ctx).Exec(ctx, `delete from session where expires < now()`)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
}
