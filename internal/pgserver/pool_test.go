package pgserver_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

// TestPool is here for the server.
func TestPool(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, pgtest.Database(t, pgtest.Shared(t)), func(c *pgxpool.Config) { c.MaxConns = 2 })
	if err := pool.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if n := pool.Config().MaxConns; n != 2 {
		t.Errorf("MaxConns is %d", n)
	}
}
