package pgserver

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// ErrNotInstalled is returned, wrapped with the places searched, where initdb
// and postgres are not found.
var ErrNotInstalled = errors.New("pgserver: PostgreSQL is not installed")

// Config says how a server is made. The zero value is ready.
type Config struct {
	// BinDir is the folder of initdb and postgres. PATH first, then the places
	// packages put them in, highest version first
	BinDir string

	// Settings extends and overrides the server's settings. They are written to
	// postgresql.conf, so that ALTER SYSTEM still beats them. fsync off,
	// full_page_writes off, deadlock_timeout 100ms, max_connections 100
	Settings map[string]string

	// Durable leaves fsync and full_page_writes on: slower, and what a benchmark
	// of COMMIT should be run with. false
	Durable bool
}

// settings returns the lines for postgresql.conf, in order.
func (c Config) settings() string {
	all := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"max_connections":         "100",
		"deadlock_timeout":        "100ms",
		"log_line_prefix":         "%m [%p] %q%a ",
	}
	if !c.Durable {
		all["fsync"] = "off"
		all["full_page_writes"] = "off"
	}
	maps.Copy(all, c.Settings)

	var b strings.Builder
	b.WriteByte('\n')
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := strings.ReplaceAll(all[name], `\`, `\\`)
		b.WriteString(name + " = '" + strings.ReplaceAll(value, "'", "''") + "'\n")
	}
	return b.String()
}
