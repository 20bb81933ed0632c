package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/pgserver"
)

// patience bounds every call to a server.
const patience = 60 * time.Second

var shared struct {
	mu     sync.Mutex
	server *pgserver.Server
	err    error
}

// Shared returns the server that all tests of the process share, and starts it
// when it is first asked for. Do not stop it or end sessions of databases that
// are not yours: tests run in parallel. Call [Main] to have it closed; otherwise
// it goes with the process, except on Windows.
func Shared(tb testing.TB) *pgserver.Server {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start(pgserver.Config{})
	}
	check(tb, shared.err)
	return shared.server
}

// Main runs the tests and closes the shared server:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
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
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		status = max(status, 1)
	}
	return status
}

// New starts a server for the test alone, to do with as it likes. It is closed
// when the test ends.
func New(tb testing.TB, cfg pgserver.Config) *pgserver.Server {
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

func start(cfg pgserver.Config) (*pgserver.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return pgserver.Start(ctx, cfg)
}

// check ends the test where there is no server.
func check(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case !errors.Is(err, pgserver.ErrNotInstalled):
		tb.Fatal(err)
	case os.Getenv("CI") != "" || os.Getenv("REPRISE_REQUIRE_SERVERS") != "":
		tb.Fatalf("%v\nRun `make test`, which installs it.", err)
	default:
		tb.Skipf("NOTHING WAS TESTED HERE: %v\nRun `make test`, which installs it.", err)
	}
}

var databases atomic.Int64

// Database creates an empty database with a name of its own and returns its URL.
// It is dropped when the test ends, whoever is still connected.
func Database(tb testing.TB, s *pgserver.Server) string {
	tb.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := exec(s, "create database "+name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		// A test may have left its own server down, whose data go with it.
		if err := exec(s, "drop database if exists "+name+" with (force)"); err != nil {
			tb.Log(err)
		}
	})
	u, err := url.Parse(s.URL())
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func exec(s *pgserver.Server, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.Exec(ctx, sql)
}
