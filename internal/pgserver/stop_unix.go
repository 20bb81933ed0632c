//go:build unix

package pgserver

import (
	"context"
	"syscall"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// stopper stops the server in the given mode.
func (s *Server) stopper(mode Mode) dbproc.Stopper {
	sig := syscall.SIGTERM
	switch mode {
	case Fast:
		sig = syscall.SIGINT
	case Immediate:
		sig = syscall.SIGQUIT
	}
	return func(_ context.Context, p *dbproc.Process) error {
		s.admin.close() // a smart stop would wait for it
		return p.Signal(sig)
	}
}
