package pgserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/internal/dbproc"
)

// Standby starts another server that follows s by streaming replication, and
// returns when it answers; what it answers may be behind. cfg.Settings extends
// and overrides those of s. With hot_standby off no client gets in, and it is
// enough that the server says so. It is bounded and fails as [Start] does, and s
// must be up.
//
// The standby is a server like any other, to be closed by itself, before s or
// after it.
func (s *Server) Standby(ctx context.Context, cfg Config) (*Server, error) {
	settings := maps.Clone(s.cfg.Settings)
	if settings == nil {
		settings = make(map[string]string)
	}
	maps.Copy(settings, cfg.Settings)
	cfg.Settings = settings
	standby := &Server{cfg: cfg, tools: s.tools}
	kind := standby.kind()
	kind.Init = func(ctx context.Context, p *dbproc.Server) error {
		postgres, err := filepath.EvalSymlinks(s.tools.postgres) // what is in PATH may be alone there
		if err != nil {
			return err
		}
		backup := filepath.Join(filepath.Dir(postgres), "pg_basebackup")
		err = p.Run(ctx, backup, "-d", s.URL(), "-D", p.DataDir(), "-R", "-c", "fast", "--no-sync")
		if err != nil {
			return err
		}
		return standby.configure(p)
	}
	kind.Ping = func(ctx context.Context, p *dbproc.Server) error {
		err := ping(ctx, urlVia(p.Addr()))
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "57P03" && e.Detail == "Hot standby mode is disabled." {
			return nil
		}
		return err
	}
	var err error
	if standby.Server, err = dbproc.Start(ctx, kind); err != nil {
		return nil, err
	}
	return standby, nil
}

// configure appends the settings to the server's own.
func (s *Server) configure(p *dbproc.Server) error {
	f, err := os.OpenFile(filepath.Join(p.DataDir(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(s.cfg.settings())
	return errors.Join(err, f.Close())
}

// Promote makes a standby a primary and returns when it takes writes, within 60 s.
// Its sessions stay.
func (s *Server) Promote(ctx context.Context) error {
	return s.withConn(ctx, func(conn *pgx.Conn) error {
		var promoted bool
		err := conn.QueryRow(ctx, "select pg_promote()").Scan(&promoted)
		if err == nil && !promoted {
			err = errors.New("it is not promoted within 60 s")
		}
		if err != nil {
			return fmt.Errorf("promote: %w", err)
		}
		return nil
	})
}
