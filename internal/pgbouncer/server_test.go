package pgbouncer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgbouncer"
	"github.com/reprise-go/reprise/internal/pgbouncer/bouncertest"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.NoLeaks(pgtest.Main(m))) }

// TestPools has two clients take turns on one connection of the server's.
func TestPools(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	p := bouncertest.New(t, pgbouncer.Config{
		Upstream: server.Addr(), Settings: map[string]string{"default_pool_size": "1"},
	})
	url := pgserver.Via(server.URL(), p.Addr())
	if a, b := backend(t, url), backend(t, url); a != b {
		t.Errorf("backends %d and %d", a, b)
	}
	if err := p.Admin(t.Context(), "no such command"); err == nil {
		t.Error("a command that is none")
	}
	for _, command := range []string{"pause", "resume"} {
		if err := p.Admin(t.Context(), command); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Error("killed, and it answers")
	}
	if err := p.StartAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	backend(t, url)
}

// TestDatabases has the server's other ones out of reach.
func TestDatabases(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	p := bouncertest.New(t, pgbouncer.Config{Upstream: server.Addr(), Databases: []string{"postgres"}})
	url := pgserver.Via(server.URL(), p.Addr())
	backend(t, url)
	if _, err := pgx.Connect(t.Context(), strings.Replace(url, "/postgres?", "/template1?", 1)); err == nil {
		t.Error("template1 was reached")
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	bouncertest.New(t, pgbouncer.Config{Upstream: "127.0.0.1:1"}) // skips where there is none
	for want, cfg := range map[string]pgbouncer.Config{
		"no_such_setting": {Upstream: "127.0.0.1:1", Settings: map[string]string{"no_such_setting": "1"}},
		"Upstream":        {},
	} {
		s, err := pgbouncer.Start(t.Context(), cfg)
		if err == nil {
			s.Close()
			t.Fatalf("%s: it started", want)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in %v", want, err)
		}
	}
}

func TestNotInstalled(t *testing.T) {
	_, err := pgbouncer.Start(t.Context(), pgbouncer.Config{Program: filepath.Join(t.TempDir(), "pgbouncer")})
	if !errors.Is(err, pgbouncer.ErrNotInstalled) {
		t.Error(err)
	}
}

// backend returns the process id of the server's session behind a new connection.
func backend(t *testing.T, url string) (pid int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url+"&default_query_exec_mode=exec") // leaves nothing on it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), "select pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
