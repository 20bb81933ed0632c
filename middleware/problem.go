package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// statusClientGone is what a request is answered with whose client has left. It
// is seen by access logs only, and is no success should the client be there after
// all, because something else ended the request's context.
const statusClientGone = 499

// The kinds of problem, as the fragment of the type URI (RFC 9457).
const (
	problemBase        = "https://pkg.go.dev/github.com/reprise-go/reprise/middleware#"
	slugError          = "internal-error"
	slugBodyIncomplete = "body-incomplete"
	slugBodyTooLarge   = "body-too-large"
	slugOutcomeUnknown = "outcome-unknown"
	slugTimeout        = "timeout"
	slugUnavailable    = "unavailable"
)

// Problem is the default of [Config].OnError: it answers with
// application/problem+json (RFC 9457), the status that [Status] gives, and a type
// whose fragment is one of
//
//   - internal-error (500): the request failed for good
//   - body-incomplete (400), body-too-large (413)
//   - unavailable (503, Retry-After): every attempt was doomed
//   - timeout (503, Retry-After): the deadline of the request passed
//   - outcome-unknown (503): the request may have taken effect; look before you
//     send it again. The member instance holds the id of the run, by which it is
//     found in the ledger and in the log
//
// It never sends the text of err. A client that has gone gets no body.
func Problem(w http.ResponseWriter, r *http.Request, err error) {
	status, slug := judge(r, err)
	switch slug {
	case "":
		w.WriteHeader(status)
	case slugTimeout, slugUnavailable:
		problem(w, status, slug, "1", "")
	case slugOutcomeUnknown:
		unknown, _ := errors.AsType[*txctx.OutcomeUnknownError](err)
		problem(w, status, slug, "", "urn:uuid:"+unknown.Run.String())
	default:
		problem(w, status, slug, "", "")
	}
}

// Status returns the status that [Problem] answers err with: 400, 413, 499, 500
// or 503. 499 means that the client has gone: nobody will read the answer.
func Status(r *http.Request, err error) int {
	status, _ := judge(r, err)
	return status
}

func judge(r *http.Request, err error) (status int, slug string) {
	if body, ok := errors.AsType[*BodyError](err); ok {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](body.Err); tooLarge {
			return http.StatusRequestEntityTooLarge, slugBodyTooLarge
		}
		return http.StatusBadRequest, slugBodyIncomplete
	}
	if _, ok := errors.AsType[*txctx.OutcomeUnknownError](err); ok {
		return http.StatusServiceUnavailable, slugOutcomeUnknown
	}
	switch ctxErr := r.Context().Err(); {
	case errors.Is(ctxErr, context.DeadlineExceeded), errors.Is(err, txctx.ErrAttemptTimeout):
		return http.StatusServiceUnavailable, slugTimeout
	case ctxErr != nil && errors.Is(context.Cause(r.Context()), context.Canceled):
		return statusClientGone, ""
	case ctxErr != nil: // ended by the server, with a cause of its own
		return http.StatusServiceUnavailable, slugUnavailable
	}
	if _, ok := errors.AsType[*retryable.ExhaustedError](err); ok {
		return http.StatusServiceUnavailable, slugUnavailable
	}
	return http.StatusInternalServerError, slugError
}

// titles are sentences for people, one for each kind of problem.
var titles = map[string]string{
	slugError:          "The request failed.",
	slugBodyIncomplete: "The request body did not arrive whole.",
	slugBodyTooLarge:   "The request body is too large.",
	slugOutcomeUnknown: "The request may or may not have taken effect. Look before sending it again.",
	slugTimeout:        "The request took too long. Nothing was changed.",
	slugUnavailable:    "The database could not complete the request. Nothing was changed.",
}

func problem(w http.ResponseWriter, status int, slug, retryAfter, instance string) {
	body, _ := json.Marshal(struct { // strings and an int: it cannot fail
		Type     string `json:"type"`
		Title    string `json:"title"`
		Status   int    `json:"status"`
		Instance string `json:"instance,omitempty"`
	}{problemBase + slug, titles[slug], status, instance})
	h := w.Header()
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if retryAfter != "" {
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone is no failure
}
