package pgserver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// Server is a PostgreSQL server. Its methods are safe for concurrent use.
// [Server.Close] it.
type Server struct {
	*dbproc.Server
	cfg   Config
	tools tools
	admin admin
}

// Start makes a server and returns when it answers. ctx is for starting only;
// without a deadline 60 s are allowed. The error is [ErrNotInstalled] where
// there is no PostgreSQL, and holds the end of the server's log where it does
// not come up. A failed Start leaves nothing behind.
//
// PostgreSQL refuses to run as root. Root's servers run as user postgres or,
// where there is none, nobody, who must be able to reach [os.TempDir].
func Start(ctx context.Context, cfg Config) (*Server, error) {
	tools, err := find(cfg.BinDir)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, tools: tools}
	if s.Server, err = dbproc.Start(ctx, s.kind()); err != nil {
		return nil, err
	}
	return s, nil
}

// wrap says whose error it is.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("pgserver: %w", err)
}

// URL returns the connection string of the superuser's database postgres.
func (s *Server) URL() string { return s.URLVia(s.Addr()) }

// URLVia is URL with another host:port, such as that of a proxy.
func (s *Server) URLVia(addr string) string { return urlVia(addr) }

func urlVia(addr string) string {
	return "postgres://postgres@" + addr + "/postgres?sslmode=disable"
}

// Via returns the connection string dsn, a URL, with another host:port. It
// panics where dsn is no URL.
func Via(dsn, addr string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic("pgserver: " + err.Error())
	}
	u.Host = addr
	return u.String()
}

// Exec runs sql on a fresh connection to database postgres. Without args there
// may be several statements in it.
func (s *Server) Exec(ctx context.Context, sql string, args ...any) error {
	return s.withConn(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	})
}

// TerminateBackends ends the sessions of all clients, with SQLSTATE 57P01, or
// those in the given databases alone, and says how many. It does not wait for
// them to go.
func (s *Server) TerminateBackends(ctx context.Context, databases ...string) (int, error) {
	pids, err := s.admin.victims(ctx, s.URL(), databases)
	if err != nil {
		return 0, err
	}
	return s.admin.terminate(ctx, s.URL(), pids)
}

// TerminateRandomBackend ends the session of one client, drawn with rnd from all
// or from those in the given databases. It returns false where there was none.
func (s *Server) TerminateRandomBackend(ctx context.Context, rnd *rand.Rand, databases ...string) (bool, error) {
	pids, err := s.admin.victims(ctx, s.URL(), databases)
	if err != nil || len(pids) == 0 {
		return false, err
	}
	n, err := s.admin.terminate(ctx, s.URL(), []int32{pids[rnd.IntN(len(pids))]})
	return n > 0, err
}
