package pgserver

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// CreateDatabase creates an empty database and returns its connection string.
func (s *Server) CreateDatabase(ctx context.Context, name string) (string, error) {
	err := s.withConn(ctx, func(conn *pgx.Conn) error {
		sql := "create database " + quote(name)
		var major int
		_, _ = fmt.Sscan(conn.PgConn().ParameterStatus("server_version"), &major)
		if major >= 15 {
			sql += " strategy file_copy" // the default writes twice as much
		}
		_, err := conn.Exec(ctx, sql)
		return err
	})
	if err != nil {
		return "", err
	}
	u, err := url.Parse(s.URL())
	if err != nil {
		return "", wrap(err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// DropDatabases drops databases one after the other on one connection, whoever
// is still connected to them. Those that are not there are fine. It ends at the
// first that cannot be dropped.
func (s *Server) DropDatabases(ctx context.Context, names ...string) error {
	return s.withConn(ctx, func(conn *pgx.Conn) error {
		for _, name := range names {
			if _, err := conn.Exec(ctx, "drop database if exists "+quote(name)+" with (force)"); err != nil {
				return err
			}
		}
		return nil
	})
}

// withConn calls do with a fresh connection to database postgres.
func (s *Server) withConn(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return wrap(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return wrap(do(conn))
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
