package pgserver_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) {
	status := pgtest.Main(m)
	if err := goleak.Find(); err != nil && status == 0 {
		println(err.Error())
		status = 1
	}
	os.Exit(status)
}

func TestNotInstalled(t *testing.T) {
	_, err := pgserver.Start(t.Context(), pgserver.Config{BinDir: t.TempDir()})
	if !errors.Is(err, pgserver.ErrNotInstalled) {
		t.Error(err)
	}
}

func TestVia(t *testing.T) {
	got := pgserver.Via("postgres://postgres@127.0.0.1:1/db?sslmode=disable", "127.0.0.1:2")
	if want := "postgres://postgres@127.0.0.1:2/db?sslmode=disable"; got != want {
		t.Error(got)
	}
}

// TestLives goes through the ends and restarts of one server.
func TestLives(t *testing.T) {
	t.Parallel()
	s := pgtest.New(t, pgserver.Config{Settings: map[string]string{"work_mem": "1MB", "cluster_name": `it's \ "x"`}})
	ctx := t.Context()
	if got := show(t, s, "work_mem"); got != "1MB" {
		t.Errorf("work_mem is %s", got)
	}
	if got := show(t, s, "cluster_name"); got != `it's \ "x"` {
		t.Errorf("cluster_name is %s", got)
	}
	if err := s.Exec(ctx, "create table public.kept (x int); insert into public.kept values (1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.StartAgain(ctx); err == nil {
		t.Error("started twice")
	}
	for name, end := range map[string]func() error{
		"smart":     func() error { return s.Stop(pgserver.Smart) },
		"fast":      func() error { return s.Stop(pgserver.Fast) },
		"immediate": func() error { return s.Stop(pgserver.Immediate) },
		"kill":      s.Kill,
	} {
		url := s.URL()
		if _, err := s.TerminateBackends(ctx); err != nil { // opens the admin connection
			t.Fatalf("%s: %v", name, err)
		}
		busy := connect(t, url)
		if name == "smart" {
			busy.Close(ctx)
		}
		if err := end(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := busy.Exec(ctx, "select 1"); err == nil {
			t.Errorf("%s: the session survived", name)
		}
		if err := end(); err != nil {
			t.Errorf("%s again: %v", name, err)
		}
		if err := s.StartAgain(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.URL() != url {
			t.Errorf("%s: moved to %s", name, s.URL())
		}
		if err := s.Exec(ctx, "insert into public.kept select 1 from public.kept having count(*) > 0"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Restart(ctx, pgserver.Fast); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.StartAgain(ctx); err == nil {
		t.Error("started after Close")
	}
}

func TestRestartIsBoundedByContext(t *testing.T) {
	t.Parallel()
	s := pgtest.New(t, pgserver.Config{})
	stays := connect(t, s.URL())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Restart(ctx, pgserver.Smart); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	stays.Close(t.Context())
	if err := s.Restart(t.Context(), pgserver.Smart); err != nil {
		t.Error(err)
	}
}

func TestFailureShowsTheLog(t *testing.T) {
	t.Parallel()
	pgtest.Shared(t) // skips, or fails, where there is no PostgreSQL
	s, err := pgserver.Start(t.Context(), pgserver.Config{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil {
		s.Close()
		t.Fatal("it started")
	}
	if want := "no_such_setting"; !strings.Contains(err.Error(), want) {
		t.Errorf("no %s in %v", want, err)
	}
}

func TestTerminate(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	mine, other := pgtest.Database(t, s), pgtest.Database(t, s)
	rnd := rand.New(rand.NewPCG(1, 2))
	name := connect(t, mine).Config().Database

	if ok, err := s.TerminateRandomBackend(t.Context(), rnd, "no such database"); ok || err != nil {
		t.Error(ok, err)
	}
	a, b, spared := connect(t, mine), connect(t, mine), connect(t, other)
	if ok, err := s.TerminateRandomBackend(t.Context(), rnd, name); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if n, err := s.TerminateBackends(t.Context(), name); n < 1 || err != nil {
		t.Fatal(n, err)
	}
	for _, c := range []*pgx.Conn{a, b} {
		var pgErr *pgconn.PgError
		if _, err := c.Exec(t.Context(), "select 1"); !errors.As(err, &pgErr) || pgErr.Code != "57P01" {
			t.Error(err)
		}
	}
	if err := spared.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func show(t *testing.T, s *pgserver.Server, name string) (value string) {
	t.Helper()
	if err := connect(t, s.URL()).QueryRow(t.Context(), "select current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
