package middleware

import (
	"net/http"
	"time"

	"github.com/reprise-go/reprise/txctx"
)

// Keys switches Idempotency-Key on, the request header by which a client says that
// a request is the same as one it has sent before (draft-ietf-httpapi-idempotency-key-header).
// The first request with a key runs, and its answer is kept in the transaction that
// it has committed. Later ones with the same key and the same method, path, query,
// Content-Type and body get that answer, with the header Idempotency-Replayed: true;
// no handler and no hook runs for them. Both have Idempotency-Key-Expires, an HTTP
// date: until then, at least, the answer is kept.
//
// The key is a quoted string of 1 to 255 ASCII characters, "8e03978e-40d5-43dd".
// Requests without one are served as ever, unless it is Required; so are those with a
// safe method and those that run READ ONLY, whose key is ignored.
//
// What is rolled back keeps nothing: after an answer of 4xx or 5xx, see
// Config.RollbackOn, the same key runs again. [txctx.Commit] keeps such an answer, and
// [txctx.Rollback] does not keep a good one. An answer that was committed is kept
// although its client has gone.
//
// Kept are status, body, and the headers that were added, changed or removed inside
// the middleware. Not kept are Set-Cookie, Date, Content-Length, trailers and what
// belongs to one connection only. What outer middleware sets is that of the request at
// hand. To tell whether it has seen a request before, the middleware reads the body to
// its end before the handler is called; and since it claims the key first, the
// transaction begins then, whether or not the handler uses it.
type Keys struct {
	// Scope says whose key it is: the user, the account, the tenant. Two callers
	// with the same key are strangers if their scopes differ, and get each other's
	// answers if they do not. Authentication belongs outside, before this middleware,
	// and so does whatever decides who may see an answer, since a stored one asks no
	// handler. An error fails the request with it. none: no keys
	Scope func(*http.Request) (string, error)

	// Required says which requests must have a key; without one they are answered
	// with 400. Safe methods are not asked about. none
	Required func(*http.Request) bool

	// Wait is how long a request waits for one with the same key that is under way,
	// before it is answered with 409. It must not exceed Retry.AttemptTimeout. 0
	Wait time.Duration

	// MaxAnswer is how many bytes of a response body are kept with a key. A longer
	// answer could not be given again, so it fails the request with 500 instead of
	// being committed. 1 MiB
	MaxAnswer int64

	_ struct{}
}

const (
	headerKey      = "Idempotency-Key"
	headerExpires  = "Idempotency-Key-Expires"
	headerReplayed = "Idempotency-Replayed"

	maxKey           = 255
	defaultMaxAnswer = 1 << 20
)

// KeyError fails a request whose Idempotency-Key is missing where it is required, or
// is not one. It is answered with 400.
type KeyError struct {
	Missing bool
	Why     string // what is wrong with it
}

// Error says what is wrong.
func (e *KeyError) Error() string {
	if e.Missing {
		return headerKey + " is missing"
	}
	return headerKey + ": " + e.Why
}

// withDefaults fills in the zero fields and panics naming the first field that cannot
// work.
func (k Keys) withDefaults(attemptTimeout time.Duration) Keys {
	switch {
	case k.Scope == nil && (k.Required != nil || k.Wait != 0 || k.MaxAnswer != 0):
		panic("middleware: Config.Keys.Scope is nil: whose keys are they?")
	case k.Wait < 0:
		panic("middleware: Config.Keys.Wait is negative")
	case k.Wait > attemptTimeout:
		panic("middleware: Config.Keys.Wait is longer than Config.Retry.AttemptTimeout")
	case k.MaxAnswer < 0:
		panic("middleware: Config.Keys.MaxAnswer is negative")
	}
	if k.MaxAnswer == 0 {
		k.MaxAnswer = defaultMaxAnswer
	}
	return k
}

// retention returns for how long db keeps keys. It panics if there are to be any, and
// db keeps none.
func (k Keys) retention(db txctx.DB) time.Duration {
	if k.Scope == nil {
		return 0
	}
	if keeper, ok := db.(txctx.KeyKeeper); ok {
		if retention, ok := keeper.KeepsKeys(); ok {
			return retention
		}
	}
	panic("middleware: Config.Keys needs an adapter with a ledger")
}

// keyOf returns the request's key, "" if it has none and needs none.
func (k Keys) keyOf(r *http.Request) (string, error) {
	lines := r.Header.Values(headerKey)
	if len(lines) == 0 {
		if k.Required != nil && k.Required(r) {
			return "", &KeyError{Missing: true}
		}
		return "", nil
	}
	if len(lines) > 1 {
		return "", &KeyError{Why: "sent more than once"}
	}
	key, ok := parseString(lines[0])
	switch {
	case !ok:
		return "", &KeyError{Why: "not a quoted string"}
	case key == "":
		return "", &KeyError{Why: "empty"}
	case len(key) > maxKey:
		return "", &KeyError{Why: "longer than 255 characters"}
	}
	return key, nil
}
