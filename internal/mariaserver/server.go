package mariaserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// Server is a MariaDB server. Its methods are safe for concurrent use.
// [Server.Close] it.
type Server struct {
	*dbproc.Server
	cfg   Config
	tools tools
	admin admin
}

// Start makes a server with an empty database test and returns when it answers.
// ctx is for starting only; without a deadline 60 s are allowed. The error is
// [ErrNotInstalled] where there is no MariaDB, and holds the end of the server's
// log where it does not come up. A failed Start leaves nothing behind.
//
// MariaDB refuses to run as root. Root's servers run as user mysql or, where
// there is none, nobody, who must be able to reach [os.TempDir].
func Start(ctx context.Context, cfg Config) (*Server, error) {
	tools, err := find(cfg.BinDir)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, tools: tools}
	if s.Server, err = dbproc.Start(ctx, s.kind()); err != nil {
		return nil, err
	}
	// Not the one mariadb-install-db makes: it is in latin1.
	if err := run(ctx, config(s.Addr(), ""), "create database test"); err != nil {
		return nil, errors.Join(wrap(err), s.Close())
	}
	return s, nil
}

// wrap says whose error it is.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mariaserver: %w", err)
}

// Exec runs sql on a fresh connection to database test. Without args there may
// be several statements in it.
func (s *Server) Exec(ctx context.Context, sql string, args ...any) error {
	cfg := config(s.Addr(), database)
	cfg.MultiStatements = len(args) == 0
	return wrap(run(ctx, cfg, sql, args...))
}
