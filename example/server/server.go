package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// What one request may cost. Its replays start within retryFor, and the last of
// them may take attemptTimeout; the timeouts of http.Server must leave room.
const (
	retryFor       = 10 * time.Second
	attemptTimeout = 10 * time.Second
	maxBody        = 64 << 10
)

// options are what the tests and the flags have to say about the handler.
type options struct {
	maxRetries int // 0 for none
	observe    func(context.Context, txctx.Event)
	metrics    *metrics // nil for none
	stopping   <-chan struct{}
	log        *slog.Logger
}

// server is what the handlers share. There is no database in it: they get their
// transaction from the context of the request.
type server struct {
	log *slog.Logger
}

// newHandler returns the service.
func newHandler(db *database, o options) http.Handler {
	s := &server{log: o.log}
	r := chi.NewRouter()

	// Outside of Reprise: what must happen once for every request, however often
	// it is replayed.
	r.Use(chimiddleware.RequestID)
	r.Use(chimiddleware.Recoverer)
	r.Use(http.NewCrossOriginProtection().Handler)

	// From here on a request is one serializable transaction, and is replayed
	// until that has been committed.
	r.Use(reprise(db, o))

	r.NotFound(handle(func(http.ResponseWriter, *http.Request) error {
		return refuse(http.StatusNotFound, "there is nothing here")
	}))
	r.Get("/shows", handle(s.listShows))
	r.Get("/shows/{id}", handle(s.getShow))
	r.Post("/shows/{id}/bookings", handle(s.book))
	r.Get("/bookings/{id}", handle(s.getBooking))
	r.Delete("/bookings/{id}", handle(s.refund))
	r.Post("/transfers", handle(s.transfer))
	r.Get("/accounts/{name}", handle(s.getAccount))
	r.Get(pathHealth, health)
	r.Get(pathReady, ready(db))
	if o.metrics != nil {
		r.Method(http.MethodGet, pathMetrics, o.metrics)
	}
	return r
}

// reprise is the middleware that this example is about.
func reprise(db *database, o options) func(http.Handler) http.Handler {
	policy := retryable.Policy{
		MaxRetries:     o.maxRetries,
		RetryFor:       retryFor,
		AttemptTimeout: attemptTimeout,
	}
	if o.maxRetries == 0 {
		policy.MaxRetries = retryable.NoRetries
	}
	return middleware.New(db.requests, middleware.Config{
		Retry:    policy,
		MaxBody:  maxBody,
		ReadOnly: middleware.SafeMethods,
		Skip: func(r *http.Request) bool {
			return r.URL.Path == pathHealth || r.URL.Path == pathReady || r.URL.Path == pathMetrics
		},
		Stopping: o.stopping,
		Observe:  o.observer(),
		Logger:   o.log,
	})
}

// observer returns what tells everybody who wants to know.
func (o options) observer() func(context.Context, txctx.Event) {
	switch {
	case o.metrics == nil:
		return o.observe
	case o.observe == nil:
		return o.metrics.observe
	}
	return func(ctx context.Context, ev txctx.Event) {
		o.metrics.observe(ctx, ev)
		o.observe(ctx, ev)
	}
}

// logEvents returns an observer that logs everything it is told.
func logEvents(log *slog.Logger) func(context.Context, txctx.Event) {
	return func(ctx context.Context, ev txctx.Event) {
		attrs := []any{"request", chimiddleware.GetReqID(ctx), "attempt", ev.Attempt}
		switch ev.Kind {
		case txctx.AttemptEnded:
			attrs = append(attrs, "outcome", ev.Outcome.String(), "reason", ev.Reason.String(), "took", ev.Duration)
		case txctx.ReplayScheduled:
			attrs = append(attrs, "reason", ev.Reason.String(), "phase", ev.Phase.String(), "pause", ev.Pause)
		case txctx.OutcomeLookedUp, txctx.RequestFinished:
			attrs = append(attrs, "outcome", ev.Outcome.String(), "took", ev.Duration)
		}
		if ev.Err != nil {
			attrs = append(attrs, "error", ev.Err)
		}
		log.InfoContext(ctx, ev.Kind.String(), attrs...)
	}
}
