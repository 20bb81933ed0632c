package mariaserver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// kind tells dbproc how to deal with MariaDB, which is one process.
func (s *Server) kind() dbproc.Kind {
	return dbproc.Kind{
		Name:        "mariaserver",
		Users:       []string{"mysql", "nobody"},
		HideEnv:     []string{"MYSQL", "MARIADB"},
		GuardSignal: "KILL",
		Init:        s.install,
		Serve:       s.serve,
		Ping:        ping,
		PortTaken: func(log string) bool {
			return strings.Contains(log, "Bind on TCP/IP port") && strings.Contains(log, "in use")
		},
		// Nobody needs the data any more or, after a failed start, InnoDB recovers.
		End: func(_ context.Context, p *dbproc.Process) error { return p.Kill() },
	}
}

// install makes the data directory.
func (s *Server) install(ctx context.Context, p *dbproc.Server) error {
	args := []string{
		"--no-defaults", // must be the first
		"--datadir=" + p.DataDir(),
		"--auth-root-authentication-method=normal",
		"--skip-test-db",
		"--force", // also where the host's own name cannot be looked up
	}
	return p.Run(ctx, s.tools.install, append(args, s.cfg.layout()...)...)
}

// serve returns the command line of the server.
func (s *Server) serve(p *dbproc.Server) []string {
	return append([]string{
		s.tools.server,
		"--no-defaults", // must be the first
		"--datadir=" + p.DataDir(),
		"--tmpdir=" + filepath.Dir(p.DataDir()),
		"--pid-file=" + pidFile(p),
		// Relative to the data directory: the paths of sockets must be short.
		"--socket=mariadb.sock",
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(p.Port()),
	}, s.cfg.options()...)
}

func pidFile(p *dbproc.Server) string { return filepath.Join(p.DataDir(), "mariadb.pid") }

// ping asks the server for its pid_file, for the one that answers may have got
// the port before ours.
func ping(ctx context.Context, p *dbproc.Server) (err error) {
	db, err := open(config(p.Addr(), ""))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var got string
	if err := db.QueryRowContext(ctx, "select @@pid_file").Scan(&got); err != nil {
		return err
	}
	if got != pidFile(p) {
		return fmt.Errorf("another server answers, with pid_file %s", got)
	}
	return nil
}
