package dbproc

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// patience bounds whatever has no deadline of its own.
const patience = 60 * time.Second

// Server is a database server. Its methods are safe for concurrent use.
// [Server.Close] it.
type Server struct {
	kind  Kind
	dir   string // everything of this server's on disk
	port  int
	guard *guard

	mu     sync.Mutex // of what follows: one start or stop at a time
	proc   *Process   // nil while the server is down
	closed bool
}

// Start makes a server and returns when it answers. ctx is for starting only;
// without a deadline 60 s are allowed. The error holds the end of the server's
// log where it does not come up. A failed Start leaves nothing behind. Errors
// begin with the kind's name, as those of all methods do.
//
// Where root's servers run as another user, it must be able to reach
// [os.TempDir].
func Start(ctx context.Context, kind Kind) (*Server, error) {
	s, err := start(ctx, kind)
	return s, kind.wrap(err)
}

func start(ctx context.Context, kind Kind) (_ *Server, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	s := &Server{kind: kind}
	if s.dir, err = os.MkdirTemp("", kind.Name+"-*"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = s.Close() // err says more
		}
	}()
	if err := giveAway(s.dir, kind.Users); err != nil {
		return nil, err
	}
	if s.guard, err = newGuard(s.dir, kind); err != nil {
		return nil, err
	}
	if err := kind.Init(ctx, s); err != nil {
		return nil, err
	}
	// Somebody else may take the port before the server does.
	for range 5 {
		if s.port, err = freePort(); err != nil {
			return nil, err
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

// Port returns the port. It stays the same for life.
func (s *Server) Port() int { return s.port }

// Addr returns host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// DataDir returns the directory for the server's data. Init makes it.
func (s *Server) DataDir() string { return filepath.Join(s.dir, "data") }

// LogTail returns the last lines of the server's log, up to 4 KiB.
func (s *Server) LogTail() string { return tail(s.logFile(), 0) }

func (s *Server) logFile() string { return filepath.Join(s.dir, "server.log") }

// tail returns the last 4 KiB of a file, of those after byte from.
func tail(name string, from int64) string {
	const most = 4 << 10
	text, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	text = text[min(from, int64(len(text))):]
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}
