package middleware

import (
	"log/slog"
	"net/http"

	"github.com/reprise-go/reprise/txctx"
)

// HandlerFunc is a handler that may fail. It is an http.Handler: a returned error
// is given to [txctx.Fail], so the attempt is rolled back, and replayed if the
// error is retryable.ErrRetry. What the handler has written by then is discarded.
//
// Outside the middleware an error is logged to slog.Default() and answered with
// 500, if nothing has been written yet.
type HandlerFunc func(http.ResponseWriter, *http.Request) error

// ServeHTTP implements http.Handler.
func (f HandlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if txctx.AttemptOf(r.Context()).Number > 0 {
		if err := f(w, r); err != nil {
			txctx.Fail(r.Context(), err)
		}
		return
	}
	w, seen := watch(w)
	err := f(w, r)
	if err == nil {
		return
	}
	slog.ErrorContext(r.Context(), "reprise: handler failed outside the middleware",
		"method", r.Method, "path", r.URL.Path, "error", err)
	if !seen.begun {
		newProblem(http.StatusInternalServerError, slugError).send(w)
	}
}

// SafeMethods reports whether the request's method is safe in the sense of RFC
// 9110, section 9.2.1: GET, HEAD, OPTIONS or TRACE.
func SafeMethods(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}
