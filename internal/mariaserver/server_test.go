package mariaserver_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
)

func TestMain(m *testing.M) {
	status := mariatest.Main(m)
	if err := goleak.Find(); err != nil && status == 0 {
		println(err.Error())
		status = 1
	}
	os.Exit(status)
}

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
		if got := show(t, s, name); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
}

// TestLives goes through the ends and restarts of one server.
func TestLives(t *testing.T) {
	t.Parallel()
	s := mariatest.New(t, mariaserver.Config{})
	ctx := t.Context()
	if err := s.Exec(ctx, "create table kept (x int); insert into kept values (?)", 1); err == nil {
		t.Error("several statements with arguments")
	}
	if err := s.Exec(ctx, "create table kept (x int); insert into kept values (1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.StartAgain(ctx); err == nil {
		t.Error("started twice")
	}
	for name, end := range map[string]func() error{
		"fast":      func() error { return s.Stop(mariaserver.Fast) },
		"immediate": func() error { return s.Stop(mariaserver.Immediate) },
		"kill":      s.Kill,
	} {
		dsn := s.DSN()
		if _, err := s.KillConnections(ctx); err != nil { // opens the admin connection
			t.Fatalf("%s: %v", name, err)
		}
		busy := connect(t, dsn)
		if err := end(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := busy.ExecContext(ctx, "do 1"); err == nil {
			t.Errorf("%s: the session survived", name)
		}
		if err := end(); err != nil {
			t.Errorf("%s again: %v", name, err)
		}
		if name == "immediate" && !strings.Contains(s.LogTail(), "fast_shutdown=2") {
			t.Errorf("its pages were written; the log:\n%s", s.LogTail())
		}
		if err := s.StartAgain(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.DSN() != dsn {
			t.Errorf("%s: moved to %s", name, s.DSN())
		}
		if n := number(t, connect(t, dsn), "select count(*) from kept"); n != 1 {
			t.Errorf("%s: %d rows", name, n)
		}
	}
	if err := s.Restart(ctx, mariaserver.Fast); err != nil {
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

func TestFailureShowsTheLog(t *testing.T) {
	t.Parallel()
	mariatest.Shared(t) // skips, or fails, where there is no MariaDB
	s, err := mariaserver.Start(t.Context(), mariaserver.Config{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil {
		s.Close()
		t.Fatal("it started")
	}
	if want := "no_such_setting"; !strings.Contains(err.Error(), want) {
		t.Errorf("no %s in %v", want, err)
	}
}
