package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/reprise-go/reprise/internal/pgserver"
)

// throwaway is a PostgreSQL server that goes with this process, and takes all it
// holds with it.
type throwaway struct {
	server *pgserver.Server
	url    string
}

func startThrowaway(ctx context.Context, log *slog.Logger) (*throwaway, error) {
	log.Info("no -db: starting a throwaway PostgreSQL")
	server, err := pgserver.Start(ctx, pgserver.Config{})
	switch {
	case errors.Is(err, pgserver.ErrNotInstalled):
		return nil, errors.New("no -db, and there is no PostgreSQL here to start: give the URL of a database with -db")
	case err != nil:
		line, _, _ := strings.Cut(err.Error(), "\n") // the rest is the server's log
		return nil, fmt.Errorf("no -db, and a throwaway PostgreSQL does not start: %s", line)
	}
	log.Info("throwaway PostgreSQL is up; what is in it is lost when this process ends", "db", server.URL())
	return &throwaway{server, server.URL()}, nil
}

func (t *throwaway) stop(log *slog.Logger) {
	if err := t.server.Close(); err != nil {
		log.Error("the throwaway PostgreSQL did not stop", "error", err)
		return
	}
	log.Info("throwaway PostgreSQL is gone")
}
