package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

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

// stopPatience is how long Stop and Kill wait.
const stopPatience = 30 * time.Second

var errRunning = errors.New("pgserver: the server is running")
var errClosed = errors.New("pgserver: the server is closed")

// Stop stops the server and returns when all its processes have gone. It does
// nothing where the server is down. After 30 s, which Smart takes if a client
// stays, it returns an error and the server goes on shutting down; call it again.
func (s *Server) Stop(mode Mode) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down(ctx, mode)
}

// Kill kills the server's main process with SIGKILL and returns when its other
// processes have noticed and gone, for no new server starts before. Those that
// do not look up from their work within a second are killed too (on Linux;
// elsewhere Kill returns an error when they take longer than 30 s).
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	orphans := s.proc.children()
	if err := s.proc.kill(); err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	if !s.proc.goneWithin(time.Second) {
		killOrphans(orphans)
	}
	if !s.proc.goneWithin(stopPatience) {
		return errors.New("pgserver: killed, but some of its processes are still there")
	}
	s.forget()
	return nil
}

// StartAgain starts the stopped server on the same data and port.
func (s *Server) StartAgain(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.again(ctx)
}

// Restart is Stop, but bounded by ctx, and StartAgain. It also starts a server
// that is down.
func (s *Server) Restart(ctx context.Context, mode Mode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := s.down(ctx, mode); err != nil {
		return err
	}
	return s.again(ctx)
}

// Close stops the server and removes everything it wrote. Later calls do
// nothing.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.down(ctx, Immediate)
	err = errors.Join(err, s.guard.close())
	if e := os.RemoveAll(s.dir); e != nil { // the guard does it where there is one
		err = errors.Join(err, fmt.Errorf("pgserver: %w", e))
	}
	return err
}

// again starts the server; s.mu is held.
func (s *Server) again(ctx context.Context) error {
	if s.closed {
		return errClosed
	}
	if s.proc != nil {
		return errRunning
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

// down stops the server where it runs; s.mu is held.
func (s *Server) down(ctx context.Context, mode Mode) error {
	s.admin.close() // a smart stop would wait for it
	if s.proc == nil {
		return nil
	}
	if err := s.proc.stop(mode); err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	for !s.proc.goneWithin(50 * time.Millisecond) {
		if ctx.Err() != nil {
			return fmt.Errorf("pgserver: server does not stop: %w", ctx.Err())
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
