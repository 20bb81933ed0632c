package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

var errPortTaken = errors.New("pgserver: port taken")

// initdb makes the data directory.
func (s *Server) initdb(ctx context.Context) error {
	var out bytes.Buffer
	cmd := s.command(ctx, s.tools.initdb, "-D", s.dataDir(), "--auth=trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second // a grandchild may hold the output open
	err := cmd.Run()
	s.guard.forget()
	if err != nil {
		return fmt.Errorf("pgserver: initdb: %w\n%s", err, out.Bytes())
	}
	f, err := os.OpenFile(s.dataDir()+"/postgresql.conf", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	_, err = f.WriteString(s.cfg.settings())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	return nil
}

// command is exec.CommandContext for a program of PostgreSQL's: as the right
// user, away from the developer's own settings, and watched by the guard.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := s.guard.command(ctx, name, args...)
	cmd.Dir = s.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "PG") })
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	return cmd
}

// up starts the server on s.port and waits until it answers; s.mu is held, or s
// is still unknown to others. errPortTaken says that another port may do.
func (s *Server) up(ctx context.Context) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	// Not ctx: it is over long before the server.
	cmd := s.command(context.Background(), s.tools.postgres, "-D", s.dataDir(), "-p", strconv.Itoa(s.port))
	cmd.Stdout, cmd.Stderr = log, log
	if s.proc, err = startProcess(cmd); err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	err = s.answers(ctx)
	if err == nil {
		return nil
	}
	err = errors.Join(err, s.down(context.WithoutCancel(ctx), Immediate))
	text := tail(s.logFile(), info.Size())
	if strings.Contains(text, "could not bind") && strings.Contains(text, "in use") {
		return fmt.Errorf("%w: %d", errPortTaken, s.port)
	}
	return fmt.Errorf("pgserver: server does not come up: %w; its log:\n%s", err, text)
}

// answers waits until the server does, has gone, or ctx is over.
func (s *Server) answers(ctx context.Context) error {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := ping(ctx, s.URL())
		if err == nil {
			return nil
		}
		if s.proc.goneWithin(wait) {
			return errors.New("it ended")
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func ping(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "select 1")
	return errors.Join(err, conn.Close(ctx))
}

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
