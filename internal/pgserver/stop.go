package pgserver

import "context"

// Mode says how a server is stopped.
type Mode uint8

const (
	// Smart lets no new client in and waits until the last one has left.
	Smart Mode = iota
	// Fast ends all sessions with SQLSTATE 57P01 and writes a checkpoint.
	Fast
	// Immediate ends all sessions with SQLSTATE 57P02, where their clients get to
	// hear it, and writes nothing; the next start recovers.
	Immediate
)

// Stop stops the server and returns when all its processes have gone. It does
// nothing where the server is down. After 30 s, which Smart takes if a client
// stays, it returns an error and the server goes on shutting down; call it again.
func (s *Server) Stop(mode Mode) error { return wrap(s.proc.Stop(s.stopper(mode))) }

// Kill kills the server's main process with SIGKILL and returns when its other
// processes have noticed and gone, for no new server starts before. Those that
// do not look up from their work within a second are killed too (on Linux;
// elsewhere Kill returns an error when they take longer than 30 s).
func (s *Server) Kill() error { return wrap(s.proc.Kill()) }

// StartAgain starts the stopped server on the same data and port.
func (s *Server) StartAgain(ctx context.Context) error { return wrap(s.proc.StartAgain(ctx)) }

// Restart is Stop, but bounded by ctx, and StartAgain. It also starts a server
// that is down.
func (s *Server) Restart(ctx context.Context, mode Mode) error {
	return wrap(s.proc.Restart(ctx, s.stopper(mode)))
}

// Close stops the server and removes everything it wrote. Later calls do
// nothing.
func (s *Server) Close() error {
	err := s.proc.Close()
	s.admin.close() // it is there still where the server had been killed
	return wrap(err)
}
