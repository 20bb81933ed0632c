package mariaserver

import (
	"context"
	"strings"
)

// CreateDatabase creates an empty database and returns its connection string.
func (s *Server) CreateDatabase(ctx context.Context, name string) (string, error) {
	if err := s.Exec(ctx, "create database "+quote(name)); err != nil {
		return "", err
	}
	return config(s.Addr(), name).FormatDSN(), nil
}

// DropDatabases drops databases one after the other on one connection. Whoever
// is still connected to them is disconnected first: an open transaction would
// hold the drop up. Those that are not there are fine. It ends at the first that
// cannot be dropped.
func (s *Server) DropDatabases(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil // KillConnections would take that for all
	}
	if _, err := s.KillConnections(ctx, names...); err != nil {
		return err
	}
	var sql strings.Builder
	// Those killed may hold their locks a little longer than the usual timeout.
	sql.WriteString("set lock_wait_timeout = 30")
	for _, name := range names {
		sql.WriteString("; drop database if exists " + quote(name))
	}
	return s.Exec(ctx, sql.String())
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
