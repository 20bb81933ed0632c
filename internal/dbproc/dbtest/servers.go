package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"
)

// patience bounds every call to a server.
const patience = 60 * time.Second

// Servers gives tests servers S, made with a configuration C: one that all tests
// of the process share, and others of their own. All fields are required.
//
// Where servers are not installed, tests are skipped, loudly. With CI or
// REPRISE_REQUIRE_SERVERS set in the environment they fail instead.
type Servers[S io.Closer, C any] struct {
	// Name is the package's, for errors
	Name string
	// Start makes a server
	Start func(context.Context, C) (S, error)
	// NotInstalled is the error of Start that skips tests
	NotInstalled error

	mu      sync.Mutex // of what follows
	started bool       // with either outcome
	server  S
	err     error
}

// Shared returns the server that all tests of the process share, and starts it
// with the zero configuration when it is first asked for. Later calls do not try
// again where that failed.
func (s *Servers[S, C]) Shared(tb testing.TB) S {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		var zero C
		s.started = true
		s.server, s.err = s.start(zero)
	}
	s.check(tb, s.err)
	return s.server
}

// Main runs the tests with run and closes the shared server. It returns the exit
// status, which is 1 also where the server cannot be closed.
func (s *Servers[S, C]) Main(run func() int) int {
	status := run()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started || s.err != nil {
		return status
	}
	s.started = false
	if err := s.server.Close(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.Name, err)
		status = max(status, 1)
	}
	return status
}

// New starts a server for the test alone. It is closed when the test ends.
func (s *Servers[S, C]) New(tb testing.TB, cfg C) S {
	tb.Helper()
	server, err := s.start(cfg)
	s.check(tb, err)
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
	})
	return server
}

func (s *Servers[S, C]) start(cfg C) (S, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.Start(ctx, cfg)
}

// check ends the test where there is no server.
func (s *Servers[S, C]) check(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case !errors.Is(err, s.NotInstalled):
		tb.Fatal(err)
	default:
		Missing(tb, err)
	}
}

// Missing ends a test whose server is not installed: with CI or REPRISE_REQUIRE_SERVERS
// set in the environment it fails, else it is skipped.
func Missing(tb testing.TB, err error) {
	tb.Helper()
	if os.Getenv("CI") != "" || os.Getenv("REPRISE_REQUIRE_SERVERS") != "" {
		tb.Fatalf("%v\nRun `make test`, which installs it.", err)
	}
	tb.Skipf("NOTHING WAS TESTED HERE: %v\nRun `make test`, which installs it.", err)
}
