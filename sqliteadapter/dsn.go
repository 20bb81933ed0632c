package sqliteadapter

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// dsn is a DSN of modernc.org/sqlite. Only with the prefix file: does SQLite look at
// the path, and at the query: elsewhere '#' and '%' are letters like others.
type dsn struct {
	path   string
	query  string
	values url.Values
}

func parse(s string) (d dsn, err error) {
	d.path, d.query, _ = strings.Cut(s, "?")
	name := strings.TrimPrefix(d.path, "file:")
	if name == "" {
		return d, fmt.Errorf("the DSN %q names no file", s)
	}
	if scheme, _, ok := strings.Cut(d.path, "://"); ok && scheme != "file" {
		return d, fmt.Errorf("unknown scheme %q in the DSN", scheme)
	}
	if d.isURI() && strings.Contains(name, "#") {
		return d, fmt.Errorf("the DSN %q ends in a fragment, which SQLite ignores: write '#' as %%23", s)
	}
	if d.values, err = url.ParseQuery(d.query); err != nil {
		return d, fmt.Errorf("the parameters of the DSN: %w", err)
	}
	return d, nil
}

func (d dsn) isURI() bool { return strings.HasPrefix(d.path, "file:") }

// inMemory reports whether the database is gone with its last connection.
func (d dsn) inMemory() bool {
	return strings.TrimPrefix(d.path, "file:") == ":memory:" || d.isURI() && d.values.Get("mode") == "memory"
}

// complete returns the DSN with the defaults for what it does not say.
func (d dsn) complete() string {
	params := []string{d.query}
	add := func(param string) { params = append(params, param) }
	if !d.says("busy_timeout", "_busy_timeout", "_timeout") {
		add("_pragma=busy_timeout(5000)")
	}
	if !d.says("journal_mode", "_journal_mode", "_journal") && d.values.Get("mode") != "ro" &&
		!d.values.Has("immutable") && !d.values.Has("vfs") {
		add("_pragma=journal_mode(WAL)")
	}
	if !d.says("foreign_keys", "_foreign_keys", "_fk") {
		add("_pragma=foreign_keys(1)")
	}
	if !d.values.Has("_txlock") {
		add("_txlock=immediate")
	}
	return d.path + "?" + strings.TrimPrefix(strings.Join(params, "&"), "&")
}

// says reports whether the DSN sets a pragma, as such or by a parameter.
func (d dsn) says(pragma string, params ...string) bool {
	return slices.ContainsFunc(params, d.values.Has) ||
		slices.ContainsFunc(d.values["_pragma"], func(v string) bool {
			return strings.Contains(strings.ToLower(v), pragma)
		})
}
