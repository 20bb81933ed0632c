package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"

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
	slugKeyInUse       = "key-in-use"
	slugKeyMalformed   = "key-malformed"
	slugKeyMissing     = "key-missing"
	slugKeyReused      = "key-reused"
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
//   - unavailable (503, Retry-After): every attempt was doomed, and no replay left, in
//     count, time or budget
//   - timeout (503, Retry-After): the deadline of the request passed
//   - outcome-unknown (503): the request may have taken effect; look before you
//     send it again. The member instance holds the id of the run, by which it is
//     found in the ledger and in the log. With an Idempotency-Key there is a
//     Retry-After: sent again with the same key, it takes effect once
//   - key-missing, key-malformed (400): there is no Idempotency-Key where one is
//     required, or it is not a quoted string of 1 to 255 characters
//   - key-in-use (409, Retry-After): another request with the same key is under way
//   - key-reused (422): the key was used for another request
//
// Retry-After is 1 to 3 seconds, and 1 to 10 after an outage, drawn for each answer, so
// that those who failed together do not come back together.
//
// It never sends the text of err. A client that has gone gets no body.
func Problem(w http.ResponseWriter, r *http.Request, err error) {
	status, slug := judge(r, err)
	p := newProblem(status, slug)
	switch slug {
	case "":
		w.WriteHeader(status)
		return
	case slugTimeout, slugUnavailable:
		p.retryAfter = retryAfter(err)
	case slugKeyInUse:
		p.retryAfter = "1"
	case slugOutcomeUnknown:
		unknown, _ := errors.AsType[*txctx.OutcomeUnknownError](err)
		p.Instance = "urn:uuid:" + unknown.Run.String()
		p.Detail = "Look before sending it again."
		if unknown.Keyed {
			p.Detail = "Send it again with the same Idempotency-Key: it takes effect once."
			p.retryAfter = "1"
		}
	}
	p.send(w)
}

const (
	// After conflicts, where it is the crowd that has to be thinned out.
	spread = 3
	// After an outage: the window of retryable.Policy's default budget. Who comes back
	// within it is still a part of the crowd that used it up, and the database has
	// likely come back before its end.
	outageSpread = 10
)

// retryAfter draws the seconds after which a client may come back.
func retryAfter(err error) string {
	n := spread
	if exhausted, ok := errors.AsType[*retryable.ExhaustedError](err); ok && len(exhausted.Errs) > 0 {
		last := retryable.ReasonOf(exhausted.Errs[len(exhausted.Errs)-1])
		if last.Outage() || last == retryable.CommitUnknown {
			n = outageSpread
		}
	}
	return strconv.Itoa(1 + rand.IntN(n))
}

// Status returns the status that [Problem] answers err with: 400, 409, 413, 422, 499,
// 500 or 503. 499 means that the client has gone: nobody will read the answer.
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
	if status, slug := judgeKey(err); slug != "" {
		return status, slug
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

// judgeKey judges what is wrong with an Idempotency-Key.
func judgeKey(err error) (status int, slug string) {
	if key, ok := errors.AsType[*KeyError](err); ok {
		if key.Missing {
			return http.StatusBadRequest, slugKeyMissing
		}
		return http.StatusBadRequest, slugKeyMalformed
	}
	switch {
	case errors.Is(err, txctx.ErrKeyInUse):
		return http.StatusConflict, slugKeyInUse
	case errors.Is(err, txctx.ErrKeyReused):
		return http.StatusUnprocessableEntity, slugKeyReused
	}
	return 0, ""
}

// titles are sentences for people, one for each kind of problem.
var titles = map[string]string{
	slugError:          "The request failed.",
	slugBodyIncomplete: "The request body did not arrive whole.",
	slugBodyTooLarge:   "The request body is too large.",
	slugKeyInUse:       "A request with the same Idempotency-Key is under way.",
	slugKeyMalformed:   "The Idempotency-Key is not a quoted string of 1 to 255 characters, sent once.",
	slugKeyMissing:     "The request needs an Idempotency-Key.",
	slugKeyReused:      "The Idempotency-Key was used for another request.",
	slugOutcomeUnknown: "The request may or may not have taken effect.",
	slugTimeout:        "The request took too long. Nothing was changed.",
	slugUnavailable:    "The database could not complete the request. Nothing was changed.",
}

// problem is the body of an answer (RFC 9457).
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`

	retryAfter string
}

func newProblem(status int, slug string) problem {
	return problem{Type: problemBase + slug, Title: titles[slug], Status: status}
}

func (p problem) send(w http.ResponseWriter) {
	body, _ := json.Marshal(p) // strings and an int: it cannot fail
	h := w.Header()
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.retryAfter != "" {
		h.Set("Retry-After", p.retryAfter)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone is no failure
}
