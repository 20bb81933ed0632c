package dbproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

var errPortTaken = errors.New("port taken")

// Run runs one of the server's programs, for Init, and returns when it has
// ended. The error holds what it printed. It fails where the server runs or is
// closed: the guard watches one process at a time.
func (s *Server) Run(ctx context.Context, name string, args ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mustBeDown(); err != nil {
		return err
	}
	var out bytes.Buffer
	cmd := s.command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second // a grandchild may hold the output open
	err := cmd.Run()
	s.guard.forget()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, out.Bytes())
	}
	return nil
}

// command is exec.CommandContext for a program of the server's: as the right
// user, away from the developer's own settings, and watched by the guard.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := s.guard.command(ctx, name, args...)
	cmd.Dir = s.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return slices.ContainsFunc(s.kind.HideEnv, func(p string) bool { return strings.HasPrefix(kv, p) })
	})
	cmd.Env = append(cmd.Env, "LC_ALL=C", "TMPDIR="+s.dir) // its temporary files go with it
	return cmd
}

// up starts the server on s.port and waits until it answers; s.mu is held, or s
// is still unknown to others. errPortTaken says that another port may do.
func (s *Server) up(ctx context.Context) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		return err
	}
	line := s.kind.Serve(s)
	// Not ctx: it is over long before the server.
	cmd := s.command(context.Background(), line[0], line[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if s.proc, err = startProcess(cmd); err != nil {
		return err
	}
	err = s.answers(ctx)
	if err == nil {
		return nil
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	err = errors.Join(err, s.down(ending, s.kind.End))
	text := tail(s.logFile(), info.Size())
	if s.kind.PortTaken(text) {
		return fmt.Errorf("%w: %d", errPortTaken, s.port)
	}
	return fmt.Errorf("server does not come up: %w; its log:\n%s", err, text)
}

// answers waits until the server does, has gone, or ctx is over.
func (s *Server) answers(ctx context.Context) error {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		if s.proc.GoneWithin(wait) {
			return errors.New("it ended")
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func (s *Server) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.kind.Ping(ctx, s)
}
