package middleware

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// New returns the middleware: every request that passes it runs in one
// transaction of db, begun by its first statement, and is replayed as
// [txctx.Run] says. It fits chi's Use and anything else that takes a
// func(http.Handler) http.Handler.
//
// Nested in itself with the same db, it joins the outer request's transaction
// and does nothing else. With another db it panics at the first request: a
// commit there would be repeated by a replay of the outer request.
//
// New panics if db is nil, if a number in cfg is negative or impossible, or if
// no file can be written in cfg.TempDir; the message names the field.
func New(db txctx.DB, cfg Config) func(http.Handler) http.Handler {
	if db == nil {
		panic("middleware: New: db is nil")
	}
	cfg = cfg.withDefaults()
	lanes := new(txctx.Lanes)
	return func(next http.Handler) http.Handler {
		return &handler{db: db, cfg: cfg, lanes: lanes, next: next}
	}
}

type handler struct {
	db    txctx.DB
	cfg   Config
	lanes *txctx.Lanes
	next  http.Handler
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case h.cfg.Skip != nil && h.cfg.Skip(r):
		h.next.ServeHTTP(w, r)
	case txctx.AttemptOf(r.Context()).Number > 0:
		h.serveNested(w, r)
	default:
		h.serve(w, r)
	}
}

// serveNested serves a request that is inside an attempt already.
func (h *handler) serveNested(w http.ResponseWriter, r *http.Request) {
	_ = txctx.Run(r.Context(), h.db, txctx.Options{}, func(context.Context) error {
		h.next.ServeHTTP(w, r)
		return nil // a failure has doomed the outer attempt by itself
	})
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	ex := &exchange{h: h, w: w, r: r, orig: r}
	defer ex.close() // also when a panic passes through
	ex.answer(ex.run())
}

// exchange is one request on its way: captured once, attempted one or more
// times, answered once.
type exchange struct {
	h    *handler
	w    http.ResponseWriter
	r    *http.Request
	body *capture      // nil without a body
	orig *http.Request // what attempts get copies of

	// Of the attempt under way, or of the last one.
	req  *attemptRequest
	resp *response
}

// run captures the request and makes the attempts.
func (ex *exchange) run() error {
	cfg := &ex.h.cfg
	if ex.r.ContentLength > cfg.MaxBody {
		return &BodyError{Err: &http.MaxBytesError{Limit: cfg.MaxBody}}
	}
	if ex.r.Body != nil && ex.r.Body != http.NoBody {
		ex.body = newCapture(ex.r, cfg.MaxBody, cfg.TempDir)
		ex.orig = arrived(ex.r)
	}
	err := txctx.Run(ex.r.Context(), ex.h.db, txctx.Options{
		Retry:      cfg.Retry,
		ReadOnly:   cfg.ReadOnly != nil && cfg.ReadOnly(ex.r),
		Idempotent: SafeMethods(ex.r),
		Veto:       func() bool { return cfg.RollbackOn(ex.resp.status()) },
		Lanes:      ex.h.lanes,
		Lane:       func() string { return cfg.Lane(ex.req.Request) },
		Observe:    cfg.Observe,
		Logger:     cfg.Logger,
	}, ex.attempt)
	if failure := ex.body.failure(); err != nil && failure != nil {
		return failure // whatever else went wrong: without its body the request is lost
	}
	return err
}

// attempt serves the request once, into a response that nobody sees yet.
func (ex *exchange) attempt(ctx context.Context) error {
	ex.discard()
	ex.req = newAttemptRequest(ctx, ex.orig, ex.body)
	ex.resp = newResponse(ex.w, ex.r, ex.h.cfg.MaxResponse, ex.h.cfg.TempDir)
	defer ex.seal(ctx) // also when the handler panics: what it left behind is dead

	ex.h.next.ServeHTTP(ex.resp, ex.req.Request)

	if err := ex.body.failure(); err != nil {
		return err
	}
	return ex.resp.failure()
}

// seal ends the attempt for goroutines that kept its body or its response. No
// replay can make a broken body whole.
func (ex *exchange) seal(ctx context.Context) {
	ex.req.seal()
	ex.resp.seal()
	if ex.body.failure() != nil {
		txctx.DisableReplay(ctx, "the request body is not complete")
	}
}

// discard throws away what an earlier attempt produced.
func (ex *exchange) discard() {
	if ex.req != nil {
		ex.req.removeFiles()
	}
	if ex.resp != nil {
		ex.resp.discard()
	}
}

// answer sends the one answer.
func (ex *exchange) answer(err error) {
	if ex.req != nil {
		ex.req.copyBack(ex.r)
	}
	if err == nil {
		if err := ex.resp.send(); err != nil {
			ex.h.cfg.logger().DebugContext(ex.r.Context(), "reprise: the answer could not be sent", "error", err)
		}
		return
	}
	ex.log(err)
	ex.h.cfg.OnError(ex.w, ex.r, err)
}

// log writes the one line about a failed request: what the client must not see
// is here.
func (ex *exchange) log(err error) {
	level := slog.LevelError
	switch Status(ex.r, err) {
	case statusClientGone:
		level = slog.LevelDebug
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		level = slog.LevelInfo
	case http.StatusServiceUnavailable:
		level = slog.LevelWarn
	}
	attrs := []any{"method", ex.r.Method, "path", ex.r.URL.Path, "error", err}
	if exhausted, ok := errors.AsType[*retryable.ExhaustedError](err); ok {
		causes := make([]string, len(exhausted.Errs))
		for i, cause := range exhausted.Errs {
			causes[i] = cause.Error()
		}
		attrs = append(attrs, "attempts", exhausted.Attempts, "causes", causes)
	}
	ex.h.cfg.logger().Log(ex.r.Context(), level, "reprise: request failed", attrs...)
}

// close lets go of everything, also when a panic passes by.
func (ex *exchange) close() {
	if ex.req != nil {
		ex.req.copyBack(ex.r)
	}
	ex.discard()
	ex.body.close()
}
