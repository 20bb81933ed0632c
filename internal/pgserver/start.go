package pgserver

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// kind tells dbproc how to deal with PostgreSQL.
func (s *Server) kind() dbproc.Kind {
	return dbproc.Kind{
		Name:        "pgserver",
		Users:       []string{"postgres", "nobody"},
		HideEnv:     []string{"PG"},
		GuardSignal: "QUIT",
		LockFile:    "data/postmaster.pid",
		Orphans:     "postgres",
		Init:        s.initdb,
		Serve: func(p *dbproc.Server) []string {
			return []string{s.tools.postgres, "-D", p.DataDir(), "-p", strconv.Itoa(p.Port())}
		},
		Ping: func(ctx context.Context, p *dbproc.Server) error { return ping(ctx, urlVia(p.Addr())) },
		PortTaken: func(log string) bool {
			return strings.Contains(log, "could not bind") && strings.Contains(log, "in use")
		},
		End: s.stopper(Immediate),
	}
}

// initdb makes the data directory.
func (s *Server) initdb(ctx context.Context, p *dbproc.Server) error {
	err := p.Run(ctx, s.tools.initdb, "-D", p.DataDir(), "--auth=trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(p.DataDir()+"/postgresql.conf", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(s.cfg.settings())
	return errors.Join(err, f.Close())
}

func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "select 1")
	return errors.Join(err, conn.Close(ctx))
}
