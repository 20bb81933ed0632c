package main

import (
	"context"
	"database/sql"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/txctx"
)

// wrap serves a work through the middleware, on db.
func wrap(db txctx.DB, wk work, tx func(context.Context) querier) http.Handler {
	cfg := middleware.Config{
		Lane:   func(*http.Request) string { return wk.name },
		Logger: slog.New(slog.DiscardHandler), // what fails is counted
	}
	if wk.readOnly {
		cfg.ReadOnly = middleware.SafeMethods
	}
	return middleware.New(db, cfg)(repriseHandler(wk, tx))
}

// jitter tries up to six times, as Reprise does, with its back-off.
func jitter(ctx context.Context, try func() error, again func(error) bool) error {
	for n := 0; ; n++ {
		err := try()
		if err == nil || n == 5 || !again(err) {
			return err
		}
		select {
		case <-time.After(rand.N(min(10*time.Millisecond<<n, 250*time.Millisecond))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func repriseHandler(wk work, tx func(context.Context) querier) http.Handler {
	return middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		id := account(r)
		if err := wk.run(r.Context(), tx(r.Context()), id); err != nil {
			return err
		}
		answer(w, id)
		return nil
	})
}

// repriseSQL serves on normal, and what needs SERIALIZABLE on strict.
func repriseSQL(name string, normal, strict txctx.DB, tx func(context.Context) *sql.Tx) variant {
	return variant{name: name, serve: func(wk work) http.Handler {
		db := normal
		if wk.hot {
			db = strict
		}
		return wrap(db, wk, func(ctx context.Context) querier { return sqlTx{tx(ctx), false} })
	}}
}
