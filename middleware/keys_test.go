package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/txctx"
)

// keeper is a database with a ledger.
func keeper(script ...fakedb.Attempt) *fakedb.DB { return fakedb.New(script...).KeepKeys(time.Hour) }

// byUser is a Config with keys, of the user that X-User names.
func byUser() middleware.Config {
	return middleware.Config{Keys: middleware.Keys{
		Scope: func(r *http.Request) (string, error) { return r.Header.Get("X-User"), nil },
	}}
}

// withKey is a POST with an Idempotency-Key.
func withKey(key, body string) *http.Request { return keyed(post(body), key) }

func keyed(r *http.Request, key string) *http.Request {
	r.Header["Idempotency-Key"] = []string{key}
	return r
}

// order is a handler that writes one statement and tells how often it ran.
type order struct{ runs int }

func (o *order) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.runs++
	_ = exec(r.Context(), "order")
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, "order %d", o.runs)
}

func wantAnswer(t *testing.T, w *httptest.ResponseRecorder, status int, body string, replayed bool) {
	t.Helper()
	if w.Code != status || w.Body.String() != body {
		t.Errorf("%d %q, want %d %q", w.Code, w.Body, status, body)
	}
	if got := w.Header().Get("Idempotency-Replayed"); got != "true" == replayed || got != "" && !replayed {
		t.Errorf("Idempotency-Replayed %q", got)
	}
}

func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, slug, retryAfter string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), "middleware#"+slug+`"`) || !within(w.Header().Get("Retry-After"), retryAfter) {
		t.Errorf("%d %s, Retry-After %q, want %d %s, %q", w.Code, w.Body, w.Header().Get("Retry-After"), status, slug, retryAfter)
	}
}

// TestAKeyIsServedOnce: the second request gets the first one's answer, and nothing runs.
//
// Mutation seen to fail it: no Idempotency-Replayed.
func TestAKeyIsServedOnce(t *testing.T) {
	t.Parallel()
	db := keeper()
	var o order
	hooks := 0
	h := wrap(t, db, byUser(), func(w http.ResponseWriter, r *http.Request) {
		txctx.AfterCommit(r.Context(), func(context.Context) { hooks++ })
		o.ServeHTTP(w, r)
	})
	wantAnswer(t, serve(h, withKey(`"k"`, "x")), 201, "order 1", false)
	for range 3 {
		w := serve(h, withKey(`"k";v=1`, "x")) // parameters say nothing
		wantAnswer(t, w, 201, "order 1", true)
		if got := w.Header().Get("Content-Length"); got != "7" {
			t.Errorf("Content-Length %q", got)
		}
	}
	if o.runs != 1 || hooks != 1 {
		t.Errorf("%d runs, %d hooks", o.runs, hooks)
	}
	wantAnswer(t, serve(h, withKey(`"l"`, "x")), 201, "order 2", false)
	wantAnswer(t, serve(h, post("x")), 201, "order 3", false)
	wantCommitted(t, db, "order", "order", "order")
}

// TestAKeyBelongsToItsScope: another caller's key is another key, also where scope and
// key read the same when put together.
//
// Mutations seen to fail it: leave out the scope; leave out the lengths.
func TestAKeyBelongsToItsScope(t *testing.T) {
	t.Parallel()
	var o order
	h := wrap(t, keeper(), byUser(), o.ServeHTTP)
	for i, tt := range []struct{ user, key string }{{"ann", `"k"`}, {"bob", `"k"`}, {"an", `"nk"`}, {"", `"annk"`}} {
		r := withKey(tt.key, "x")
		r.Header.Set("X-User", tt.user)
		w := serve(h, r)
		if w.Code != 201 || w.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("%d: %v got %d %s", i, tt, w.Code, w.Body)
		}
	}
	if o.runs != 4 {
		t.Errorf("%d runs", o.runs)
	}
}

// TestAKeyBelongsToItsRequest: for any other it is 422.
//
// Mutations seen to fail it: leave out the method, the target, the query, the
// Content-Type or the body.
func TestAKeyBelongsToItsRequest(t *testing.T) {
	t.Parallel()
	big := pattern(100 * kib)
	for name, other := range map[string]func(*http.Request) *http.Request{
		"method": func(r *http.Request) *http.Request { r.Method = http.MethodPut; return r },
		"path": func(*http.Request) *http.Request {
			return httptest.NewRequest("POST", "/b?q=1", strings.NewReader(big))
		},
		"query": func(*http.Request) *http.Request {
			return httptest.NewRequest("POST", "/a?q=2", strings.NewReader(big))
		},
		"rewritten":    func(r *http.Request) *http.Request { r.URL.Path = "/c"; return r },
		"prefix":       func(r *http.Request) *http.Request { r.RequestURI = "/x/a?q=1"; return r },
		"content type": func(r *http.Request) *http.Request { r.Header.Set("Content-Type", "text/plain"); return r },
		"end of body": func(*http.Request) *http.Request {
			return httptest.NewRequest("POST", "/a?q=1", strings.NewReader(big[:len(big)-1]+"!"))
		},
		"no body": func(*http.Request) *http.Request { return httptest.NewRequest("POST", "/a?q=1", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o order
			h := wrap(t, keeper(), byUser(), o.ServeHTTP)
			same := func() *http.Request { return httptest.NewRequest("POST", "/a?q=1", chunked(strings.NewReader(big))) }
			wantAnswer(t, serve(h, keyed(same(), `"k"`)), 201, "order 1", false)
			wantProblem(t, serve(h, keyed(other(same()), `"k"`)), 422, "key-reused", "")
			r := keyed(same(), `"k"`)
			r.Header.Set("User-Agent", "another") // says nothing about what is asked
			wantAnswer(t, serve(h, r), 201, "order 1", true)
			if o.runs != 1 {
				t.Errorf("%d runs", o.runs)
			}
		})
	}
}

// TestAKeyThatIsNoneIsRefused: nothing lenient.
func TestAKeyThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	db := keeper()
	var failure error
	cfg := byUser()
	cfg.OnError = func(w http.ResponseWriter, r *http.Request, err error) {
		failure = err
		middleware.Problem(w, r, err)
	}
	h := wrap(t, db, cfg, new(order).ServeHTTP)
	for _, lines := range [][]string{
		{"k"}, {""}, {`""`}, {`k"`}, {`"k`}, {`'k'`}, {`"k", "l"`}, {`"k"`, `"k"`}, {`"k"`, ""}, {`"` + strings.Repeat("x", 256) + `"`}, {`"é"`},
	} {
		r := post("x")
		r.Header["Idempotency-Key"] = lines
		wantProblem(t, serve(h, r), 400, "key-malformed", "")
		key, ok := errors.AsType[*middleware.KeyError](failure)
		if !ok || key.Missing || !strings.HasPrefix(failure.Error(), "Idempotency-Key: "+key.Why) || key.Why == "" {
			t.Errorf("%q: %v", lines, failure)
		}
	}
	if got := db.Log(); got != nil {
		t.Errorf("log %q", got)
	}
	for _, key := range []string{`"` + strings.Repeat("x", 255) + `"`, `"` + strings.Repeat(`\"`, 255) + `"`} {
		wantAnswer(t, serve(h, withKey(key, "x")), 201, "order 1", false)
		h = wrap(t, db, cfg, new(order).ServeHTTP)
	}
}

// TestAKeyMayBeRequired, of requests that are not safe.
func TestAKeyMayBeRequired(t *testing.T) {
	t.Parallel()
	cfg := byUser()
	cfg.Keys.Required = func(r *http.Request) bool { return r.URL.Path == "/pay" }
	cfg.ReadOnly = func(r *http.Request) bool { return r.Method == "REPORT" }
	h := wrap(t, keeper(), cfg, func(http.ResponseWriter, *http.Request) {})
	send := func(method, path string) *httptest.ResponseRecorder {
		return serve(h, httptest.NewRequest(method, path, strings.NewReader("x")))
	}
	wantProblem(t, send("POST", "/pay"), 400, "key-missing", "")
	wantStatus(t, send("GET", "/pay"), 200)
	wantStatus(t, send("REPORT", "/pay"), 200)
	wantStatus(t, send("POST", "/browse"), 200)
}

// TestSafeAndReadOnlyRequestsHaveNoKey: theirs is ignored, whatever it is.
func TestSafeAndReadOnlyRequestsHaveNoKey(t *testing.T) {
	t.Parallel()
	cfg := byUser()
	cfg.ReadOnly = func(r *http.Request) bool { return r.Method == "REPORT" }
	runs := 0
	h := wrap(t, keeper(), cfg, func(http.ResponseWriter, *http.Request) { runs++ })
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "REPORT"} {
		for _, key := range []string{`"k"`, `"k"`, "malformed"} {
			w := serve(h, keyed(httptest.NewRequest(method, "/", nil), key))
			wantAnswer(t, w, 200, "", false)
			if w.Header().Get("Idempotency-Key-Expires") != "" {
				t.Error("it says that the key is kept")
			}
		}
	}
	if runs != 15 {
		t.Errorf("%d runs", runs)
	}
}

// TestWithoutScopeThereAreNoKeys.
func TestWithoutScopeThereAreNoKeys(t *testing.T) {
	t.Parallel()
	var o order
	h := wrap(t, fakedb.New(), middleware.Config{}, o.ServeHTTP)
	wantAnswer(t, serve(h, withKey(`"k"`, "x")), 201, "order 1", false)
	wantAnswer(t, serve(h, withKey("malformed", "x")), 201, "order 2", false)
}

// TestAScopeThatFailsFailsTheRequest, and says nothing to the client.
func TestAScopeThatFailsFailsTheRequest(t *testing.T) {
	t.Parallel()
	db := keeper()
	var failure error
	cfg := middleware.Config{OnError: func(w http.ResponseWriter, r *http.Request, err error) {
		failure = err
		middleware.Problem(w, r, err)
	}}
	cfg.Keys.Scope = func(*http.Request) (string, error) { return "ann", errSecret }
	h := wrap(t, db, cfg, new(order).ServeHTTP)
	w := serve(h, withKey(`"k"`, "x"))
	wantProblem(t, w, 500, "internal-error", "")
	if !errors.Is(failure, errSecret) || strings.Contains(w.Body.String(), "secret") || db.Log() != nil {
		t.Errorf("%v, log %q, body %s", failure, db.Log(), w.Body)
	}
	wantStatus(t, serve(h, post("x")), 201) // it is asked whose key it is only if there is one
}

func TestNewPanicsNamingTheFieldOfKeys(t *testing.T) {
	t.Parallel()
	scope := byUser().Keys.Scope
	for want, tt := range map[string]struct {
		db   txctx.DB
		keys middleware.Keys
	}{
		"middleware: Config.Keys.Scope is nil":               {keeper(), middleware.Keys{Required: middleware.SafeMethods}},
		"middleware: Config.Keys.Scope is nil: whose":        {keeper(), middleware.Keys{Wait: 1}},
		"middleware: Config.Keys.Scope is nil: whose keys":   {keeper(), middleware.Keys{MaxAnswer: 1}},
		"middleware: Config.Keys.Wait is negative":           {keeper(), middleware.Keys{Scope: scope, Wait: -1}},
		"middleware: Config.Keys.Wait is longer than Config": {keeper(), middleware.Keys{Scope: scope, Wait: time.Hour}},
		"middleware: Config.Keys.MaxAnswer is negative":      {keeper(), middleware.Keys{Scope: scope, MaxAnswer: -1}},
		"middleware: Config.Keys needs an adapter":           {fakedb.New(), middleware.Keys{Scope: scope}},
		"middleware: Config.Keys needs an adapter with a":    {struct{ txctx.DB }{keeper()}, middleware.Keys{Scope: scope}},
	} {
		got := fmt.Sprint(panicOf(func() { middleware.New(tt.db, middleware.Config{Keys: tt.keys}) }))
		if !strings.HasPrefix(got, want) {
			t.Errorf("panic %q, want %q", got, want)
		}
	}
}
