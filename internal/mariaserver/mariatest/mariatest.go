package mariatest

import (
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/mariaserver"
)

var servers = dbtest.Servers[*mariaserver.Server, mariaserver.Config]{
	Name:         "mariatest",
	Start:        mariaserver.Start,
	NotInstalled: mariaserver.ErrNotInstalled,
}

// Shared returns the server that all tests of the process share, and starts it
// when it is first asked for. Do not stop it or end sessions of databases that
// are not yours: tests run in parallel. Call [Main] to have it closed; otherwise
// it goes with the process.
func Shared(tb testing.TB) *mariaserver.Server {
	tb.Helper()
	return servers.Shared(tb)
}

// Main runs the tests and closes the shared server:
//
//	func TestMain(m *testing.M) { os.Exit(mariatest.Main(m)) }
//
// It returns the exit status, which is 1 also where the server cannot be closed.
func Main(m *testing.M) int { return servers.Main(m.Run) }

// New starts a server for the test alone, to do with as it likes. It is closed
// when the test ends.
func New(tb testing.TB, cfg mariaserver.Config) *mariaserver.Server {
	tb.Helper()
	return servers.New(tb, cfg)
}

// Database creates an empty database with a name of its own and returns its DSN.
// It is dropped when the test ends, whoever is still connected.
func Database(tb testing.TB, s *mariaserver.Server) string {
	tb.Helper()
	return dbtest.Database(tb, s)
}
