package outage_test

import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"testing"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// conns is the size of a pool.
const conns = 10

// service is the middleware, with two handlers, on a database.
type service struct {
	name    string
	handler http.Handler
	rec     *record
	conns   func() int // open connections of the pool
}

// database is what a service is made of.
type database struct {
	db    txctx.DB
	write func(ctx context.Context, id string) error
	read  func(ctx context.Context) error
	conns func() int
}

// serve makes a service. rec is what the database counts its dials in.
func serve(name string, d database, rec *record, policy retryable.Policy) *service {
	mux := http.NewServeMux()
	mux.Handle("GET /items/{id}", middleware.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return d.read(r.Context())
	}))
	mux.Handle("POST /effects/{id}", middleware.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return d.write(r.Context(), r.PathValue("id"))
	}))
	mw := middleware.New(d.db, middleware.Config{
		Retry: policy, Observe: rec.observe, Logger: slog.New(slog.DiscardHandler),
	})
	return &service{name, mw(mux), rec, d.conns}
}

// effects returns how often each request is in the table.
func effects(t *testing.T, db *sql.DB) map[string]int {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `select req, count(*) from effect group by req`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := make(map[string]int)
	for rows.Next() {
		var id string
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		all[id] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
