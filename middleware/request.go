package middleware

import (
	"context"
	"maps"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// attemptRequest is the request of one attempt: a copy of the request as it
// arrived, which the handler may change as it likes.
type attemptRequest struct {
	*http.Request
	body *bodyReader  // nil without a body
	chi  *chi.Context // nil outside a chi router

	ownsForm bool // the multipart form is not outer middleware's
}

// arrived returns orig without its trailers. net/http adds them while the body is
// read, which a goroutine of an earlier attempt may still be doing.
func arrived(orig *http.Request) *http.Request {
	r := orig.WithContext(orig.Context())
	r.Trailer = orig.Trailer.Clone()
	return r
}

// begin makes a copy of orig.
func (a *attemptRequest) begin(ctx context.Context, orig *http.Request, body *capture) {
	a.ownsForm = orig.MultipartForm == nil
	if outer := chi.RouteContext(ctx); outer != nil {
		// A second run under Mount starts from where the first one had got to,
		// unless it has a route context of its own.
		a.chi = outer.Clone()
		ctx = context.WithValue(ctx, chi.RouteCtxKey, a.chi)
	}
	a.Request = orig.Clone(ctx)
	if body != nil {
		a.body = &bodyReader{c: body}
		a.Body = a.body
		a.body.onEOF = func(trailer http.Header) {
			if a.Trailer == nil { // not announced
				a.Trailer = make(http.Header, len(trailer))
			}
			maps.Copy(a.Trailer, trailer.Clone())
		}
	}
}

// copyBack gives outer middleware what routing found out in the last attempt.
func (a *attemptRequest) copyBack(orig *http.Request) {
	orig.Pattern = a.Pattern
	if outer := chi.RouteContext(orig.Context()); outer != nil && a.chi != nil {
		*outer = *a.chi
	}
}

// routeOf is the method and the pattern that the request was routed by, or its
// path where nobody routed it.
func routeOf(r *http.Request) string {
	pattern := r.Pattern
	if c := chi.RouteContext(r.Context()); c != nil && len(c.RoutePatterns) > 0 {
		pattern = c.RoutePattern()
	}
	if pattern == "" {
		pattern = r.URL.Path
	}
	return r.Method + " " + pattern
}

func (a *attemptRequest) seal() {
	if a.body != nil {
		a.body.seal()
	}
}

// removeFiles removes the temporary files of the multipart form that this
// attempt parsed.
func (a *attemptRequest) removeFiles() {
	if a.ownsForm && a.MultipartForm != nil {
		_ = a.MultipartForm.RemoveAll()
		a.ownsForm = false
	}
}
