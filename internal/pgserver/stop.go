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
func (s *Server) Stop(mode Mode) error { return s.Server.Stop(s.stopper(mode)) }

// Restart is Stop, but bounded by ctx, and StartAgain. It also starts a server
// that is down.
func (s *Server) Restart(ctx context.Context, mode Mode) error {
	return s.Server.Restart(ctx, s.stopper(mode))
}

// Close stops the server and removes everything it wrote. Later calls do
// nothing.
func (s *Server) Close() error {
	err := s.Server.Close()
	s.admin.close() // it is there still where the server had been killed
	return err
}
