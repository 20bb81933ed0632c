package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// Server is a PgBouncer. Its methods are safe for concurrent use. [Server.Close] it.
type Server struct {
	*dbproc.Server
	program string
	cfg     Config
}

// Start makes a pooler and returns when it answers, whether or not its server does.
// ctx is for starting only; without a deadline 60 s are allowed. The error is
// [ErrNotInstalled] where there is no PgBouncer, and holds the end of the log where
// it does not come up. A failed Start leaves nothing behind.
//
// PgBouncer refuses to run as root. Root's poolers run as user postgres or, where
// there is none, nobody, who must be able to reach [os.TempDir].
func Start(ctx context.Context, cfg Config) (*Server, error) {
	program, err := find(cfg.Program)
	if err != nil {
		return nil, err
	}
	s := &Server{program: program, cfg: cfg}
	if s.Server, err = dbproc.Start(ctx, s.kind()); err != nil {
		return nil, err
	}
	return s, nil
}

// kind tells dbproc how to deal with PgBouncer.
func (s *Server) kind() dbproc.Kind {
	return dbproc.Kind{
		Name:        "pgbouncer",
		Users:       []string{"postgres", "nobody"},
		HideEnv:     []string{"PG"},
		GuardSignal: "KILL", // there is nothing to save
		Init: func(_ context.Context, p *dbproc.Server) error {
			_, err := s.cfg.ini(0)
			return errors.Join(err, os.Mkdir(p.DataDir(), 0o755))
		},
		Serve: func(p *dbproc.Server) []string {
			name := filepath.Join(p.DataDir(), "pgbouncer.ini")
			text, _ := s.cfg.ini(p.Port())              // Init has tried
			_ = os.WriteFile(name, []byte(text), 0o644) // the program says so if it is missing
			return []string{s.program, name}
		},
		Ping: func(ctx context.Context, p *dbproc.Server) error { return admin(ctx, p.Addr(), "show version") },
		PortTaken: func(log string) bool {
			return strings.Contains(log, "cannot listen") && strings.Contains(log, "in use")
		},
		End: func(_ context.Context, p *dbproc.Process) error { return p.Kill() },
	}
}

// Admin runs a command of the admin console, such as KILL or PAUSE, and returns when
// it has been carried out.
func (s *Server) Admin(ctx context.Context, command string) error {
	if err := admin(ctx, s.Addr(), command); err != nil {
		return fmt.Errorf("pgbouncer: %s: %w", command, err)
	}
	return nil
}

// admin runs a command on a connection of its own: a database called pgbouncer that
// knows simple queries only.
func admin(ctx context.Context, addr, command string) error {
	conn, err := pgx.Connect(ctx, "postgres://postgres@"+addr+"/pgbouncer?sslmode=disable&default_query_exec_mode=simple_protocol")
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, command)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}
