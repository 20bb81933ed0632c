package pgserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience bounds whatever has no deadline of its own.
const patience = 60 * time.Second

// Server is a PostgreSQL server. Its methods are safe for concurrent use.
// [Server.Close] it.
type Server struct {
	cfg   Config
	tools tools
	dir   string // everything of this server's on disk
	port  int
	guard *guard

	mu     sync.Mutex // of what follows: one start or stop at a time
	proc   *process   // nil while the server is down
	closed bool

	admin admin
}

// Start makes a server and returns when it answers. ctx is for starting only;
// without a deadline 60 s are allowed. The error is [ErrNotInstalled] where
// there is no PostgreSQL, and holds the end of the server's log where it does
// not come up. A failed Start leaves nothing behind.
//
// PostgreSQL refuses to run as root. Root's servers run as user postgres or,
// where there is none, nobody, who must be able to reach [os.TempDir].
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	tools, err := find(cfg.BinDir)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, tools: tools}
	if s.dir, err = os.MkdirTemp("", "pgserver-*"); err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	defer func() {
		if err != nil {
			_ = s.Close() // err says more
		}
	}()
	if err := giveAway(s.dir); err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	if s.guard, err = newGuard(s.dir); err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	if err := s.initdb(ctx); err != nil {
		return nil, err
	}
	// Somebody else may take the port before the server does.
	for range 5 {
		if s.port, err = freePort(); err != nil {
			return nil, fmt.Errorf("pgserver: %w", err)
		}
		if err = s.up(ctx); !errors.Is(err, errPortTaken) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// freePort returns a TCP port of 127.0.0.1 that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// bounded adds a deadline where there is none.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, patience)
}

// Addr returns host:port. It stays the same for life.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL returns the connection string of the superuser's database postgres.
func (s *Server) URL() string { return s.URLVia(s.Addr()) }

// URLVia is URL with another host:port, such as that of a proxy.
func (s *Server) URLVia(addr string) string {
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
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err = conn.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	return nil
}

// LogTail returns the last lines of the server's log, up to 4 KiB.
func (s *Server) LogTail() string { return tail(s.logFile(), 0) }

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }
func (s *Server) logFile() string { return filepath.Join(s.dir, "server.log") }

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
