package pgserver_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

// TestStandby has one that follows, refuses writes, and takes them when promoted.
func TestStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.New(t, pgserver.Config{Settings: map[string]string{"max_connections": "110"}})
	standby := startStandby(t, primary, map[string]string{"cluster_name": "second"})
	if err := primary.Exec(t.Context(), "create table followed (x int)"); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, standby)
	dbtest.Eventually(t, "the table on the standby", func() bool {
		_, err := conn.Exec(t.Context(), "select x from followed")
		return err == nil
	})
	const insert = "insert into followed values (1)"
	_, err := conn.Exec(t.Context(), insert)
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "25006" {
		t.Errorf("a write on the standby: %v", err)
	}
	for name, want := range map[string]string{"cluster_name": "second", "max_connections": "110"} {
		var got string
		if err := conn.QueryRow(t.Context(), "select current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v)", name, got, err)
		}
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), insert); err != nil {
		t.Errorf("a write after the promotion: %v", err)
	}
	if err := standby.Promote(t.Context()); err == nil {
		t.Error("promoted twice")
	}
}

// TestColdStandby lets nobody in, and counts as started.
func TestColdStandby(t *testing.T) {
	t.Parallel()
	standby := startStandby(t, pgtest.New(t, pgserver.Config{}), map[string]string{"hot_standby": "off"})
	_, err := pgx.Connect(t.Context(), standby.URL())
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "57P03" {
		t.Error(err)
	}
}

func startStandby(t *testing.T, primary *pgserver.Server, settings map[string]string) *pgserver.Server {
	t.Helper()
	s, err := primary.Standby(t.Context(), pgserver.Config{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
