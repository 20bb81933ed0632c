package dbproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// stopPatience is how long Stop, Kill and Close wait.
const stopPatience = 30 * time.Second

var errRunning = errors.New("the server is running")
var errClosed = errors.New("the server is closed")

// Stop stops the server with stop and returns when all its processes have gone.
// It does nothing where the server is down. After 30 s it returns an error and
// the server goes on shutting down; call it again.
func (s *Server) Stop(stop Stopper) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kind.wrap(s.down(ctx, stop))
}

// Kill kills the server's main process with SIGKILL and returns when its other
// processes have noticed and gone, for no new server may start before. Those
// that do not look up from their work within a second are killed too (on Linux;
// elsewhere Kill returns an error when they take longer than 30 s).
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kind.wrap(s.kill())
}

// kill kills the server where it runs; s.mu is held.
func (s *Server) kill() error {
	if s.proc == nil {
		return nil
	}
	orphans := s.proc.children()
	if err := s.proc.Kill(); err != nil {
		return err
	}
	if !s.proc.GoneWithin(time.Second) && s.kind.Orphans != "" {
		killOrphans(orphans, s.kind.Orphans)
	}
	if !s.proc.GoneWithin(stopPatience) {
		return errors.New("killed, but some of its processes are still there")
	}
	s.forget()
	return nil
}

// StartAgain starts the stopped server on the same data and port. It is bounded
// like [Start], and fails where the server runs or is closed.
func (s *Server) StartAgain(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kind.wrap(s.again(ctx))
}

// Restart is Stop, but bounded by ctx, and StartAgain. It also starts a server
// that is down.
func (s *Server) Restart(ctx context.Context, stop Stopper) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := s.down(ctx, stop)
	if err == nil {
		err = s.again(ctx)
	}
	return s.kind.wrap(err)
}

// Close ends the server and removes everything it wrote. Later calls do nothing.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.down(ctx, s.kind.End)
	err = errors.Join(err, s.guard.close())
	// The guard does it where there is one.
	return s.kind.wrap(errors.Join(err, os.RemoveAll(s.dir)))
}

// again starts the server; s.mu is held.
func (s *Server) again(ctx context.Context) error {
	if err := s.mustBeDown(); err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	for {
		err := s.up(ctx)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		// A client's socket may have got the port meanwhile; it will leave.
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// mustBeDown returns an error where the server runs or is closed; s.mu is held.
func (s *Server) mustBeDown() error {
	if s.closed {
		return errClosed
	}
	if s.proc != nil {
		return errRunning
	}
	return nil
}

// down stops the server where it runs; s.mu is held.
func (s *Server) down(ctx context.Context, stop Stopper) error {
	if s.proc == nil {
		return nil
	}
	if err := stop(ctx, s.proc); err != nil {
		return err
	}
	for !s.proc.GoneWithin(50 * time.Millisecond) {
		if ctx.Err() != nil {
			return fmt.Errorf("server does not stop: %w", ctx.Err())
		}
	}
	s.forget()
	return nil
}

// forget is called when all processes have gone; s.mu is held.
func (s *Server) forget() {
	s.proc.reap()
	s.guard.forget()
	s.proc = nil
}
