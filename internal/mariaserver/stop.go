package mariaserver

import (
	"context"
	"fmt"
	"syscall"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// Mode says how a server is stopped. None waits for clients to leave: MariaDB
// cannot.
type Mode uint8

const (
	// Fast ends all sessions, rolls back what they did, and writes all pages.
	Fast Mode = iota
	// Immediate ends all sessions and writes the log alone; the next start
	// recovers. It needs a connection, so it fails where the server has none left.
	Immediate
)

// Stop stops the server and returns when it has gone. It does nothing where the
// server is down. After 30 s it returns an error and the server goes on shutting
// down; call it again.
func (s *Server) Stop(mode Mode) error { return s.Server.Stop(s.stopper(mode)) }

// Restart is Stop, but bounded by ctx, and StartAgain. It also starts a server
// that is down.
func (s *Server) Restart(ctx context.Context, mode Mode) error {
	return s.Server.Restart(ctx, s.stopper(mode))
}

// Close kills the server and removes everything it wrote. Later calls do
// nothing.
func (s *Server) Close() error {
	err := s.Server.Close()
	s.admin.close()
	return err
}

// stopper stops the server in the given mode.
func (s *Server) stopper(mode Mode) dbproc.Stopper {
	return func(ctx context.Context, p *dbproc.Process) error {
		if mode == Immediate && !p.GoneWithin(0) {
			err := s.admin.exec(ctx, s.Addr(), "set global innodb_fast_shutdown = 2")
			// The server may have heard a signal already, and go.
			if err != nil && !p.GoneWithin(0) {
				return fmt.Errorf("immediate stop: %w", err)
			}
		}
		s.admin.close()
		return p.Signal(syscall.SIGTERM)
	}
}
