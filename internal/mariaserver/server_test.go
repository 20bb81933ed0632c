package mariaserver_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.NoLeaks(mariatest.Main(m))) }

func TestNotInstalled(t *testing.T) {
	_, err := mariaserver.Start(t.Context(), mariaserver.Config{BinDir: t.TempDir()})
	if !errors.Is(err, mariaserver.ErrNotInstalled) {
		t.Error(err)
	}
}

func TestVia(t *testing.T) {
	got := mariaserver.Via("root@tcp(127.0.0.1:1)/db?parseTime=true", "127.0.0.1:2")
	if want := "root@tcp(127.0.0.1:2)/db?parseTime=true"; got != want {
		t.Error(got)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := mariatest.New(t, mariaserver.Config{Durable: true, Settings: map[string]string{
		"innodb-page-size": "8K", "log_bin": "binlog", "server_id": "7", "init_connect": `set @a = 'it''s "x"'`,
		"innodb_lock_wait_timeout": "3",
	}})
	for name, want := range map[string]string{
		"innodb_page_size": "8192", "log_bin": "1", "server_id": "7", "init_connect": `set @a = 'it''s "x"'`,
		"innodb_lock_wait_timeout": "3", "innodb_flush_log_at_trx_commit": "1",
		"max_connections": "200", "character_set_database": "utf8mb4", "time_zone": "+00:00",
	} {
		var got string
		if err := mariatest.Pool(t, s.DSN()).QueryRowContext(t.Context(), "select @@"+name).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
}

func TestRestartIsBoundedByContext(t *testing.T) {
	t.Parallel()
	s := mariatest.New(t, mariaserver.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Restart(ctx, mariaserver.Fast); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := s.Restart(t.Context(), mariaserver.Fast); err != nil {
		t.Error(err)
	}
}
