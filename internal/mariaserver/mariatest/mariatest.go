package mariatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/mariaserver"
)

// patience bounds every call to a server.
const patience = 60 * time.Second

var shared struct {
	mu     sync.Mutex
	server *mariaserver.Server
	err    error
}

// Shared returns the server that all tests of the process share, and starts it
// when it is first asked for. Do not stop it or end sessions of databases that
// are not yours: tests run in parallel. Call [Main] to have it closed; otherwise
// it goes with the process.
func Shared(tb testing.TB) *mariaserver.Server {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start(mariaserver.Config{})
	}
	check(tb, shared.err)
	return shared.server
}

// Main runs the tests and closes the shared server:
//
//	func TestMain(m *testing.M) { os.Exit(mariatest.Main(m)) }
//
// It returns the exit status, which is 1 also where the server cannot be closed.
func Main(m *testing.M) int {
	status := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		return status
	}
	err := shared.server.Close()
	shared.server = nil
	if err != nil {
		fmt.Fprintln(os.Stderr, "mariatest:", err)
		status = max(status, 1)
	}
	return status
}

// New starts a server for the test alone, to do with as it likes. It is closed
// when the test ends.
func New(tb testing.TB, cfg mariaserver.Config) *mariaserver.Server {
	tb.Helper()
	s, err := start(cfg)
	check(tb, err)
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func start(cfg mariaserver.Config) (*mariaserver.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return mariaserver.Start(ctx, cfg)
}

// check ends the test where there is no server.
func check(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case !errors.Is(err, mariaserver.ErrNotInstalled):
		tb.Fatal(err)
	case os.Getenv("CI") != "" || os.Getenv("REPRISE_REQUIRE_SERVERS") != "":
		tb.Fatalf("%v\nRun `make test`, which installs it.", err)
	default:
		tb.Skipf("NOTHING WAS TESTED HERE: %v\nRun `make test`, which installs it.", err)
	}
}

var databases atomic.Int64

// Database creates an empty database with a name of its own and returns its DSN.
// It is dropped when the test ends, whoever is still connected: they are
// disconnected, for an open transaction would hold the drop up.
func Database(tb testing.TB, s *mariaserver.Server) string {
	tb.Helper()
	cfg, err := mysql.ParseDSN(s.DSN())
	if err != nil {
		tb.Fatal(err)
	}
	cfg.DBName = fmt.Sprintf("test_%d", databases.Add(1))
	if err := exec(s, "create database "+cfg.DBName); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		// A test may have left its own server down, whose data go with it.
		if err := drop(s, cfg.DBName); err != nil {
			tb.Log(err)
		}
	})
	return cfg.FormatDSN()
}

// drop drops a database.
func drop(s *mariaserver.Server, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := s.KillConnections(ctx, name); err != nil {
		return err
	}
	// Those killed may hold their locks a little longer than the usual timeout.
	return s.Exec(ctx, "set lock_wait_timeout = 30; drop database if exists "+name)
}

func exec(s *mariaserver.Server, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.Exec(ctx, sql)
}
