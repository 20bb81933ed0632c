package pgserver

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// stopper stops the server in the given mode, with PostgreSQL's imitation of a
// signal.
func (s *Server) stopper(mode Mode) dbproc.Stopper {
	sig := "TERM"
	switch mode {
	case Fast:
		sig = "INT"
	case Immediate:
		sig = "QUIT"
	}
	pgctl := filepath.Join(filepath.Dir(s.tools.postgres), "pg_ctl")
	return func(ctx context.Context, p *dbproc.Process) error {
		s.admin.close() // a smart stop would wait for it
		if p.GoneWithin(0) {
			return nil
		}
		return exec.CommandContext(ctx, pgctl, "kill", sig, strconv.Itoa(p.Pid())).Run()
	}
}
