// Package bouncertest gives tests PgBouncers.
//
// Where PgBouncer is not installed, tests are skipped, loudly. With CI or
// REPRISE_REQUIRE_SERVERS set in the environment they fail instead.
package bouncertest

import (
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgbouncer"
)

var poolers = dbtest.Servers[*pgbouncer.Server, pgbouncer.Config]{
	Name:         "bouncertest",
	Start:        pgbouncer.Start,
	NotInstalled: pgbouncer.ErrNotInstalled,
}

// New starts a pooler for the test alone, to do with as it likes. It is closed when
// the test ends.
func New(tb testing.TB, cfg pgbouncer.Config) *pgbouncer.Server {
	tb.Helper()
	return poolers.New(tb, cfg)
}
