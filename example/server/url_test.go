package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestMySQLURL: what a URL can say reaches the driver.
func TestMySQLURL(t *testing.T) {
	type want struct{ user, password, addr, database string }
	for raw, w := range map[string]want{
		"mysql://localhost/x":                     {"", "", "localhost:3306", "x"},
		"mysql:///x":                              {"", "", "127.0.0.1:3306", "x"},
		"mysql://app@db:3307/x":                   {"app", "", "db:3307", "x"},
		"mysql://a%3Ap:s%2F%40%3A%3F%23%25@db/x":  {"a:p", "s/@:?#%", "db:3306", "x"},
		"mysql://app:secret@[::1]:3307/with%20sp": {"app", "secret", "[::1]:3307", "with sp"},
	} {
		cfg, err := mysqlConfig(parse(t, raw))
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got := (want{cfg.User, cfg.Passwd, cfg.Addr, cfg.DBName}); got != w {
			t.Errorf("%s: %+v, want %+v", raw, got, w)
		}
		if cfg.Timeout != connectTimeout || !cfg.ParseTime || cfg.Params["innodb_lock_wait_timeout"] != "5" {
			t.Errorf("%s: defaults: %+v", raw, cfg)
		}
	}

	u := parse(t, "mysql://db/x?timeout=3s&loc=Europe/Berlin&parseTime=false&innodb_lock_wait_timeout=7&time_zone='%2B00:00'")
	cfg, err := mysqlConfig(u)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Timeout != 3*time.Second || cfg.Loc.String() != "Europe/Berlin" || !cfg.ParseTime ||
		cfg.Params["innodb_lock_wait_timeout"] != "7" || cfg.Params["time_zone"] != "'+00:00'" {
		t.Errorf("%+v", cfg)
	}
}

// TestRelativeFile: sqlite:path is relative to where the program runs.
func TestRelativeFile(t *testing.T) {
	t.Chdir(t.TempDir())
	makeDir(t, "a folder")
	mustOpen(t, "sqlite:a%20folder/tickets.db")
	if _, err := os.Stat(filepath.Join("a folder", "tickets.db")); err != nil {
		t.Error(err)
	}
}
