package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// TestAKeyInUseIs409, and with Wait the answer of the request that is under way.
//
// Mutation seen to fail it: no Wait in the key.
func TestAKeyInUseIs409(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		wait, took time.Duration
		status     int // of the first request
		want       string
	}{
		{0, 0, 201, "409"},
		{time.Second, time.Second, 201, "409"},
		{20 * time.Second, 10 * time.Second, 201, "201 order 1"},
		{20 * time.Second, 20 * time.Second, 404, "404 order 2"},
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := byUser()
			cfg.TempDir = dir
			cfg.Keys.Wait = tt.wait
			runs := 0
			h := wrap(t, keeper(), cfg, func(w http.ResponseWriter, r *http.Request) {
				runs++
				body := fmt.Sprintf("order %d", runs)
				time.Sleep(10 * time.Second) // of the bubble
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, body)
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				wantStatus(t, serve(h, withKey(`"k"`, "x")), tt.status)
			}()
			synctest.Wait()
			started := time.Now()
			w := serve(h, withKey(`"k"`, "x"))
			if took := time.Since(started); took != tt.took {
				t.Errorf("answered after %v, want %v", took, tt.took)
			}
			if tt.want == "409" {
				wantProblem(t, w, 409, "key-in-use", "1")
			} else if got := fmt.Sprintf("%d %s", w.Code, w.Body); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			<-done
		})
	}
}

// TestTheHandlerReadsTheWholeBody although the key has read it before, and however
// little of it the handler wants.
func TestTheHandlerReadsTheWholeBody(t *testing.T) {
	t.Parallel()
	want := pattern(200 * kib)
	db := keeper(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)})
	h := wrap(t, db, byUser(), func(w http.ResponseWriter, r *http.Request) {
		if number(r) == 1 {
			_, _ = r.Body.Read(make([]byte, 10))
		} else if got, err := io.ReadAll(r.Body); err != nil || string(got) != want {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		_ = exec(r.Context(), "a")
		w.WriteHeader(201)
	})
	for i := range 2 {
		r := httptest.NewRequest("POST", "/", chunked(strings.NewReader(want)))
		wantAnswer(t, serve(h, keyed(r, `"k"`)), 201, "", i == 1)
	}
	r := httptest.NewRequest("POST", "/", nil)
	wantStatus(t, serve(h, keyed(r, `"none"`)), 201)
	wantCommitted(t, db, "a", "a")
}

// TestABodyThatIsNotWholeIsAnsweredBeforeAnythingRuns.
func TestABodyThatIsNotWholeIsAnsweredBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body   io.Reader
		status int
		slug   string
	}{
		"too long":           {strings.NewReader("12345"), 413, "body-too-large"},
		"too long, chunked":  {chunked(strings.NewReader("12345")), 413, "body-too-large"},
		"half a body":        {io.MultiReader(strings.NewReader("12"), failing{}), 400, "body-incomplete"},
		"as long as allowed": {chunked(strings.NewReader("1234")), 201, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := keeper()
			cfg := byUser()
			cfg.MaxBody = 4
			w := serve(wrap(t, db, cfg, new(order).ServeHTTP), keyed(httptest.NewRequest("POST", "/", tt.body), `"k"`))
			wantStatus(t, w, tt.status)
			if tt.slug != "" {
				wantProblem(t, w, tt.status, tt.slug, "")
				if db.Log() != nil {
					t.Errorf("log %q", db.Log())
				}
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestAnAnswerNobodyWaitsForIsKept: the client left during COMMIT. One that left before
// has changed nothing, and its key is free.
func TestAnAnswerNobodyWaitsForIsKept(t *testing.T) {
	t.Parallel()
	for _, committed := range []bool{true, false} {
		ctx, leave := context.WithCancel(t.Context())
		db := keeper(fakedb.Attempt{OnEnd: func(context.Context) { leave() }})
		var o order
		h := wrap(t, db, byUser(), func(w http.ResponseWriter, r *http.Request) {
			o.ServeHTTP(w, r)
			if !committed {
				leave()
			}
		})
		serve(h, withKey(`"k"`, "x").WithContext(ctx))
		w := serve(h, withKey(`"k"`, "x"))
		wantAnswer(t, w, 201, map[bool]string{true: "order 1", false: "order 2"}[committed], committed)
		wantCommitted(t, db, "order")
	}
}

// TestAnUnknownOutcomeMayBeSentAgain with a key, and the client is told so.
//
// Mutations seen to fail it: Retry-After without a key; none with a key.
func TestAnUnknownOutcomeMayBeSentAgain(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{true, false} {
		db := keeper(fakedb.Attempt{CommitErr: errSecret, Outcome: txctx.Unknown, Applied: applied})
		h := wrap(t, db, byUser(), new(order).ServeHTTP)
		w := serve(h, withKey(`"k"`, "x"))
		wantProblem(t, w, 503, "outcome-unknown", "1")
		if body := w.Body.String(); !strings.Contains(body, "urn:uuid:") || !strings.Contains(body, "same Idempotency-Key") {
			t.Errorf("body %s", body)
		}
		if w.Header().Get("Idempotency-Key-Expires") != "" {
			t.Error("it says that the key is kept")
		}
		w = serve(h, withKey(`"k"`, "x"))
		wantAnswer(t, w, 201, map[bool]string{true: "order 1", false: "order 2"}[applied], applied)
		wantCommitted(t, db, "order")
	}
	h := wrap(t, keeper(fakedb.Attempt{CommitErr: errSecret, Outcome: txctx.Unknown}), byUser(), new(order).ServeHTTP)
	w := serve(h, post("x"))
	wantProblem(t, w, 503, "outcome-unknown", "")
	if body := w.Body.String(); !strings.Contains(body, "urn:uuid:") || strings.Contains(body, "Idempotency-Key") {
		t.Errorf("body %s", body)
	}
}

// TestAKeyAndReplays: the key is claimed anew in every attempt, and what is kept is the
// answer of the attempt that was committed.
func TestAKeyAndReplays(t *testing.T) {
	t.Parallel()
	conflict := fakedb.Fault(retryable.Serialization)
	db := keeper(
		fakedb.Attempt{Claim: func(context.Context) error { return conflict }},
		fakedb.Attempt{Statements: []error{conflict}},
		fakedb.Attempt{CommitErr: conflict},
	)
	h := wrap(t, db, byUser(), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-"+fmt.Sprint(number(r)), "1")
		_ = exec(r.Context(), "a")
		_, _ = fmt.Fprint(w, "attempt ", number(r))
	})
	for i := range 2 {
		w := serve(h, withKey(`"k"`, "x"))
		wantAnswer(t, w, 200, "attempt 4", i == 1)
		if w.Header().Get("X-4") == "" || w.Header().Get("X-3")+w.Header().Get("X-2") != "" {
			t.Errorf("header %v", w.Header())
		}
	}
	exhausted := keeper(fakedb.Always(fakedb.Attempt{Claim: func(context.Context) error { return conflict }}))
	wantProblem(t, serve(wrap(t, exhausted, byUser(), nil), withKey(`"k"`, "x")), 503, "unavailable", "1 to 3")
	plain := keeper(fakedb.Attempt{Claim: func(context.Context) error { return errSecret }})
	wantProblem(t, serve(wrap(t, plain, byUser(), nil), withKey(`"k"`, "x")), 500, "internal-error", "")
}

// TestTheLaneOfARequestWithAKey is asked before the handler is called, of a request
// whose body is there for both, and whose files are removed.
//
// Mutation seen to fail it: ask for the lane of the attempt before.
func TestTheLaneOfARequestWithAKey(t *testing.T) {
	t.Parallel()
	db := keeper(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)})
	var asked []string
	cfg := byUser()
	cfg.Lane = func(r *http.Request) string {
		body, err := io.ReadAll(r.Body)
		asked = append(asked, fmt.Sprint(r.Pattern, r.URL.Path, " ", string(body), err))
		return "lane"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != "x" {
			t.Errorf("body %q", body)
		}
		_ = exec(r.Context(), "a")
	})
	h := layer(t, db, cfg)(mux)
	for range 2 {
		r := keyed(httptest.NewRequest("POST", "/orders/1", strings.NewReader("x")), `"k"`)
		wantStatus(t, serve(h, r), 200)
	}
	want := "/orders/1 x<nil>"
	if diff := cmp.Diff([]string{want, want, want}, asked); diff != "" {
		t.Errorf("asked about (-want +got):\n%s", diff)
	}
}

// TestKeysBehindChi: routed like ever, and inside a group for its routes alone.
func TestKeysBehindChi(t *testing.T) {
	t.Parallel()
	db := keeper()
	cfg := byUser()
	cfg.Keys.Required = func(*http.Request) bool { return true }
	r := chi.NewRouter()
	r.Group(func(r chi.Router) {
		r.Use(layer(t, db, cfg))
		r.Post("/pay/{id}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, chi.URLParam(r, "id")) })
	})
	r.Post("/free", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "free") })
	send := func(path, key string) *httptest.ResponseRecorder {
		return serve(r, keyed(httptest.NewRequest("POST", path, strings.NewReader("x")), key))
	}
	wantAnswer(t, send("/pay/7", `"k"`), 200, "7", false)
	wantAnswer(t, send("/pay/7", `"k"`), 200, "7", true)
	wantStatus(t, send("/pay/8", `"k"`), 422)
	wantAnswer(t, send("/free", "malformed"), 200, "free", false)
}

// TestSkippedAndNestedRequestsHaveNoKey of their own.
func TestSkippedAndNestedRequestsHaveNoKey(t *testing.T) {
	t.Parallel()
	db := keeper()
	cfg := byUser()
	cfg.Skip = func(r *http.Request) bool { return r.URL.Path == "/skip" }
	inner := layer(t, db, cfg)
	var o order
	h := layer(t, db, cfg)(inner(&o))
	for i := range 2 {
		wantAnswer(t, serve(h, withKey(`"k"`, "x")), 201, "order 1", i == 1)
	}
	plain := layer(t, db, middleware.Config{})(inner(&o))
	for i := range 2 {
		wantAnswer(t, serve(plain, withKey("malformed", "x")), 201, fmt.Sprint("order ", i+2), false)
	}
	for i := range 2 {
		r := keyed(httptest.NewRequest("POST", "/skip", strings.NewReader("x")), "malformed")
		wantAnswer(t, serve(h, r), 201, fmt.Sprint("order ", i+4), false)
	}
}

// TestWhatIsLoggedOfKeys: a client's mistake is no news.
func TestWhatIsLoggedOfKeys(t *testing.T) {
	t.Parallel()
	for _, err := range []error{&middleware.KeyError{Missing: true}, &middleware.KeyError{Why: "empty"}, txctx.ErrKeyInUse, txctx.ErrKeyReused} {
		var log bytes.Buffer
		cfg := byUser()
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		h := wrap(t, keeper(fakedb.Attempt{Claim: func(context.Context) error { return err }}), cfg, nil)
		serve(h, withKey(`"k"`, "x"))
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=INFO") || !strings.Contains(got, err.Error()) {
			t.Errorf("%v: log %s", err, got)
		}
		if status := middleware.Status(get("/"), errors.Join(errSecret, err)); status < 400 || status > 422 {
			t.Errorf("%v: status %d", err, status)
		}
	}
}
