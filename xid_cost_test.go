package reprise_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
)

// TestReadsTakeNoNumber, READ ONLY or not: numbers are finite, and vacuum pays for them.
//
// Mutation seen to fail it: kindOf returns writes for what reads.
func TestReadsTakeNoNumber(t *testing.T) {
	requests := 1000
	if testing.Short() {
		requests = 100
	}
	url := pgtest.New(t, pgserver.Config{Settings: map[string]string{"autovacuum": "off"}}).URL()
	exec(t, url, schema)
	for _, readOnly := range []bool{false, true} {
		a := newApp(t, options{url: url, cfg: middleware.Config{ReadOnly: func(*http.Request) bool { return readOnly }}},
			middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				tx := pgadapter.Tx(r.Context())
				if err := tx.QueryRow(r.Context(), `select n from counter where id = $1`, 1).Scan(new(int)); err != nil {
					return err
				}
				if err := tx.QueryRow(r.Context(), `select count(*) from counter`).Scan(new(int)); err != nil {
					return err
				}
				return tx.QueryRow(r.Context(), `show server_version`).Scan(new(string))
			}))
		next := func() (n int64) {
			if err := a.pool.QueryRow(context.Background(), `select txid_snapshot_xmax(txid_current_snapshot())`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := next()
		for range requests {
			if got := a.do("GET", "/", ""); got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		if n := next() - before; n != 0 {
			t.Errorf("READ ONLY %v: %d numbers were taken", readOnly, n)
		}
	}
}

// TestIdleBackendsAreNotLookedAt: what goes with every request reads nothing that grows
// with the number of backends, and the outcome is found out among many all the same.
//
// Mutation: ask pg_stat_activity for the start of the checkpointer.
func TestIdleBackendsAreNotLookedAt(t *testing.T) {
	backends := 200
	if testing.Short() {
		backends = 40
	}
	server := pgtest.New(t, pgserver.Config{Settings: map[string]string{"max_connections": "220"}})
	exec(t, server.URL(), schema)
	for range backends {
		conn, err := pgx.Connect(context.Background(), server.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
	}
	p, err := pgproxy.New(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	a := newApp(t, options{url: server.URLVia(p.Addr())}, effectHandler)
	for range 3 {
		if got := a.do("POST", "/", ""); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	for _, sql := range p.Queries() {
		if strings.Contains(sql, "pg_stat_activity") || strings.Contains(sql, "pg_locks") {
			t.Errorf("with every request: %s", sql)
		}
	}
	p.DropCancels(true)
	p.Add(pgproxy.Rule{When: pgproxy.SQL("commit"), AwaitReply: true, Then: pgproxy.CutBoth})
	if got := a.do("POST", "/", ""); got.status != 200 || a.attempts() != 4 {
		t.Errorf("%d %s, %d attempts", got.status, got.body, a.attempts())
	}
}
