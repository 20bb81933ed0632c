package pgserver_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.NoLeaks(pgtest.Main(m))) }

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

func TestLives(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"work_mem": "1MB", "cluster_name": `it's \ "x"`}
	s := pgtest.New(t, pgserver.Config{Settings: settings})
	for name, want := range settings {
		var got string
		if err := connect(t, s).QueryRow(t.Context(), "select current_setting($1)", name).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	engine.Lives(t, s)
}

func TestRestartIsBoundedByContext(t *testing.T) {
	t.Parallel()
	s := pgtest.New(t, pgserver.Config{})
	stays := connect(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Restart(ctx, pgserver.Smart); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	stays.Close(t.Context())
	for _, mode := range []pgserver.Mode{pgserver.Smart, pgserver.Fast} {
		if err := s.Restart(t.Context(), mode); err != nil {
			t.Error(err)
		}
	}
}

func connect(t *testing.T, s *pgserver.Server) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}
