package middleware

import (
	"context"
	"net/http"
	"time"

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
// New panics if db is nil, if a number in cfg is negative or impossible, if no file
// can be written in cfg.TempDir, if cfg.Keys lacks its Scope, or has one while db keeps
// no keys; the message names the field.
func New(db txctx.DB, cfg Config) func(http.Handler) http.Handler {
	if db == nil {
		panic("middleware: New: db is nil")
	}
	cfg = cfg.withDefaults()
	retention := cfg.Keys.retention(db)
	lanes, budgets := new(txctx.Lanes), new(txctx.Budgets)
	return func(next http.Handler) http.Handler {
		return &handler{db: db, cfg: cfg, retention: retention, lanes: lanes, budgets: budgets, next: next}
	}
}

type handler struct {
	db        txctx.DB
	cfg       Config
	retention time.Duration // of keys
	lanes     *txctx.Lanes
	budgets   *txctx.Budgets
	next      http.Handler
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
	h     *handler
	w     http.ResponseWriter
	r     *http.Request
	body  *capture      // nil without a body
	orig  *http.Request // what attempts get copies of
	keyed *keyed        // nil without an Idempotency-Key

	// Of the attempt under way, or of the last one.
	req    *attemptRequest
	resp   *response
	replay *txctx.Attempt // nil in the first attempt

	// Of the first attempt, which is the only one of most exchanges.
	begun     bool
	firstReq  attemptRequest
	firstResp response
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
	readOnly := cfg.ReadOnly != nil && cfg.ReadOnly(ex.r)
	if err := ex.claimKey(readOnly); err != nil {
		return err
	}
	err := txctx.Run(ex.r.Context(), ex.h.db, txctx.Options{
		Retry:      cfg.Retry,
		ReadOnly:   readOnly,
		Idempotent: SafeMethods(ex.r),
		Key:        ex.txctxKey(),
		Veto:       func() bool { return cfg.RollbackOn(ex.resp.status()) },
		Lanes:      ex.h.lanes,
		Lane:       ex.lane,
		Budgets:    ex.h.budgets,
		Stopping:   cfg.Stopping,
		Observe:    ex.observer(),
		Logger:     cfg.Logger,

		AttemptContext: cfg.AttemptContext,
	}, ex.attempt)
	if failure := ex.body.failure(); err != nil && failure != nil {
		return failure // whatever else went wrong: without its body the request is lost
	}
	return err
}

// lane asks for the lane of the attempt whose transaction is about to begin.
func (ex *exchange) lane() string {
	if ex.keyed != nil {
		return ex.laneOfKeyed()
	}
	return ex.h.cfg.Lane(ex.req.Request)
}

// attempt serves the request once, into a response that nobody sees yet.
func (ex *exchange) attempt(ctx context.Context) error {
	ex.discard()
	ex.req, ex.resp = &ex.firstReq, &ex.firstResp
	if ex.begun { // goroutines may have kept those of the attempt before
		ex.req, ex.resp = new(attemptRequest), new(response)
		replay := txctx.AttemptOf(ctx)
		ex.replay = &replay
	}
	ex.begun = true
	ex.req.begin(ctx, ex.orig, ex.body)
	ex.resp.begin(ex.w, ex.r, ex.h.cfg.MaxResponse, ex.h.cfg.TempDir)
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
		if err := ex.send(); err != nil {
			ex.h.cfg.logger().DebugContext(ex.r.Context(), "reprise: the answer could not be sent", "error", err)
		}
		ex.log(nil)
		return
	}
	ex.log(err)
	ex.h.cfg.OnError(ex.w, ex.r, err)
}

func (ex *exchange) send() error {
	if ex.keyed != nil && ex.keyed.stored != nil {
		return sendKept(ex.w, ex.keyed.stored)
	}
	return ex.resp.send()
}

// close lets go of everything, also when a panic passes by.
func (ex *exchange) close() {
	if ex.req != nil {
		ex.req.copyBack(ex.r)
	}
	ex.discard()
	ex.body.close()
}
