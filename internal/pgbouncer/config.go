package pgbouncer

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"slices"
	"strings"
)

// ErrNotInstalled is returned, wrapped with the places searched, where pgbouncer is
// not found.
var ErrNotInstalled = errors.New("pgbouncer: PgBouncer is not installed")

// Config says how a pooler is made. Upstream is required.
type Config struct {
	// Program is the path of pgbouncer. PATH first, then the places packages put
	// it in
	Program string

	// Upstream is the host:port of the PostgreSQL server
	Upstream string

	// Databases are those that can be reached. all of the server's
	Databases []string

	// Settings extends and overrides the pooler's settings. pool_mode transaction,
	// auth_type any
	Settings map[string]string
}

// usualPlaces is where packages put the program without adding it to PATH.
var usualPlaces = []string{
	"/usr/sbin/pgbouncer",
	"/usr/local/sbin/pgbouncer",
	"/opt/homebrew/opt/pgbouncer/bin/pgbouncer",
	"/usr/local/opt/pgbouncer/bin/pgbouncer",
}

// find looks for program or, where that is "", in PATH and the usual places.
func find(program string) (string, error) {
	places := append([]string{"pgbouncer"}, usualPlaces...)
	if program != "" {
		places = []string{program}
	}
	for _, name := range places {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: looked for %s", ErrNotInstalled, strings.Join(places, ", "))
}

// ini returns the configuration file.
func (c Config) ini(port int) (string, error) {
	host, upstream, err := net.SplitHostPort(c.Upstream)
	if err != nil {
		return "", fmt.Errorf("Config.Upstream: %w", err)
	}
	databases := c.Databases
	if databases == nil {
		databases = []string{"*"}
	}
	all := map[string]string{
		"listen_addr":     "127.0.0.1",
		"listen_port":     fmt.Sprint(port),
		"unix_socket_dir": "",
		"auth_type":       "any",
		"admin_users":     "postgres",
		"pool_mode":       "transaction",
	}
	maps.Copy(all, c.Settings)

	var b strings.Builder
	b.WriteString("[databases]\n")
	for _, name := range databases {
		fmt.Fprintf(&b, "%s = host=%s port=%s user=postgres\n", name, host, upstream)
	}
	b.WriteString("[pgbouncer]\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s = %s\n", name, all[name])
	}
	return b.String(), nil
}
