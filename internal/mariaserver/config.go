package mariaserver

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// ErrNotInstalled is returned, wrapped with the places searched, where mariadbd
// and mariadb-install-db are not found, and on Windows.
var ErrNotInstalled = errors.New("mariaserver: MariaDB is not installed")

// Config says how a server is made. The zero value is ready.
type Config struct {
	// BinDir is the folder of mariadbd, or mysqld, and mariadb-install-db. PATH
	// first, then the places packages put them in, highest version first
	BinDir string

	// Settings extends and overrides the server's settings. They are given to it
	// as --name=value, also those that say how the data are laid out, which must
	// not contain spaces. innodb_lock_wait_timeout 2, max_connections 200,
	// innodb_buffer_pool_size 32M, utf8mb4, UTC, no binary log, no performance
	// schema
	Settings map[string]string

	// Durable makes COMMIT wait for the disk: slower, and what a benchmark of
	// COMMIT should be run with. Either way what was committed survives
	// [Server.Kill]. false
	Durable bool
}

// fast is what a test wants. innodb_flush_log_at_trx_commit is not 0, which keeps
// commits in the process for up to a second: killing it would lose them, and
// Kill look like a fault of whoever counts commits. 2 hands them to the operating
// system, for some 20 µs.
var fast = []string{
	"--character-set-server=utf8mb4",
	"--default-time-zone=+00:00",
	"--max-connections=200",
	"--performance-schema=OFF",
	"--skip-log-bin",
	"--skip-name-resolve",
	"--innodb-buffer-pool-size=32M",
	"--innodb-flush-log-at-trx-commit=2",
	"--innodb-lock-wait-timeout=2",
	"--innodb-log-file-size=16M",
	"--sync-binlog=0",
}

// options returns the settings as options, those that count last.
func (c Config) options() []string {
	all := slices.Clone(fast)
	if c.Durable {
		all = append(all, "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		all = append(all, "--"+name+"="+c.Settings[name])
	}
	return all
}

// layout returns those options that the data directory must be made with.
func (c Config) layout() []string {
	return slices.DeleteFunc(c.options(), func(option string) bool {
		option = strings.ReplaceAll(option, "_", "-")
		return !strings.HasPrefix(option, "--innodb-") && !strings.HasPrefix(option, "--lower-case-table-names=")
	})
}
