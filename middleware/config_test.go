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
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func panicOf(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// Mutation: leave spool.Check out of withDefaults.
func TestRule07_NewPanicsNamingTheField(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, cfg := range map[string]middleware.Config{
		"middleware: Config.MaxBody":               {MaxBody: -1},
		"middleware: Config.MaxResponse":           {MaxResponse: -1},
		"middleware: Config.TempDir":               {TempDir: file},
		"middleware: Config.Retry.MaxRetries":      {Retry: retryable.Policy{MaxRetries: -2}},
		"middleware: Config.Retry.ConnectWait":     {Retry: retryable.Policy{ConnectWait: -2}},
		"middleware: Config.Retry.Conflict: want ": {Retry: retryable.Policy{Conflict: retryable.Backoff{Base: 2, Max: 1}}},
	} {
		if got := fmt.Sprint(panicOf(func() { middleware.New(fakedb.New(), cfg) })); !strings.HasPrefix(got, want) {
			t.Errorf("panic %q, want %q", got, want)
		}
	}
	if got := panicOf(func() { middleware.New(nil, middleware.Config{}) }); got != "middleware: New: db is nil" {
		t.Errorf("panic %v", got)
	}
}

func TestASkippedRequestIsPassedThroughUntouched(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	out := httptest.NewRecorder()
	in := post("x")
	h := wrap(t, db, middleware.Config{
		MaxBody: 1,
		Skip:    func(r *http.Request) bool { return r.Method == http.MethodPost },
	}, func(w http.ResponseWriter, r *http.Request) {
		if w != http.ResponseWriter(out) || r != in {
			t.Error("writer or request was replaced")
		}
		if err := exec(r.Context(), "a"); !errors.Is(err, txctx.ErrNoTransaction) {
			t.Errorf("a statement: %v", err)
		}
	})
	h.ServeHTTP(out, in)
	if log := db.Log(); len(log) != 0 {
		t.Errorf("log %q", log)
	}
}

func TestReadOnlyRequestsRunInReadOnlyTransactions(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	h := wrap(t, db, middleware.Config{ReadOnly: middleware.SafeMethods}, func(_ http.ResponseWriter, r *http.Request) {
		_ = exec(r.Context(), r.Method)
	})
	serve(h, get("/"))
	serve(h, post(""))
	want := []string{"begin 1 read only", "exec GET", "commit", "begin 1", "exec POST", "commit"}
	if diff := cmp.Diff(want, db.Log()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestObserveSeesAttemptsWithTheContextOfTheRequest(t *testing.T) {
	t.Parallel()
	var kinds []string
	h := wrap(t, doomedOnce(), middleware.Config{
		Observe: func(ctx context.Context, ev txctx.Event) {
			kinds = append(kinds, ev.Kind.String())
			if ctx.Value(key{}) != "outer" {
				t.Error("not the context of the request")
			}
		},
	}, func(_ http.ResponseWriter, r *http.Request) { _ = exec(r.Context(), "a") })
	serve(h, get("/").WithContext(context.WithValue(t.Context(), key{}, "outer")))
	want := "attempt_started attempt_ended replay_scheduled attempt_started attempt_ended request_finished"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("events %s", got)
	}
}

func TestAFailedRequestIsOneLineInTheLogWithAllCauses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		db   *fakedb.DB
		want []string
	}{
		{doomedAlways(retryable.Failover), []string{"level=WARN", "method=GET", "path=/x", "attempts=6", "fake failover"}},
		{fakedb.New(fakedb.Attempt{Statements: []error{errSecret}}), []string{"level=ERROR", errSecret.Error()}},
	} {
		var log bytes.Buffer
		cfg := middleware.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		serve(wrap(t, tt.db, cfg, func(_ http.ResponseWriter, r *http.Request) { _ = exec(r.Context(), "a") }), get("/x"))
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines: %s", n, &log)
		}
		for _, want := range tt.want {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %q in %s", want, &log)
			}
		}
	}
}

func TestHandlerFuncFailsItsAttempt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err              error
		status, attempts int
	}{{nil, 200, 1}, {errSecret, 500, 1}, {retryable.Mark(errSecret), 503, 6}} {
		db := fakedb.New()
		n := 0
		h := layer(t, db, middleware.Config{})(middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			n++
			_ = exec(r.Context(), "a")
			_, _ = io.WriteString(w, "discarded")
			return tt.err
		}))
		w := serve(h, get("/"))
		wantStatus(t, w, tt.status)
		if n != tt.attempts || (tt.err != nil && strings.Contains(w.Body.String(), "discarded")) {
			t.Errorf("%v: %d attempts, body %q", tt.err, n, w.Body)
		}
	}
}

func TestHandlerFuncOutsideTheMiddlewareAnswers500(t *testing.T) {
	// Not parallel: it takes the default logger.
	before := slog.Default()
	defer slog.SetDefault(before)
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))

	fail := func(text string) http.Handler {
		return middleware.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			if _, ok := w.(http.Flusher); !ok {
				t.Error("the writer cannot flush any more")
			}
			if text != "" {
				_, _ = io.WriteString(w, text)
			}
			return errSecret
		})
	}
	w := serve(fail(""), get("/"))
	wantStatus(t, w, http.StatusInternalServerError)
	if body := w.Body.String(); strings.Contains(body, "secret") || !strings.Contains(body, "internal-error") {
		t.Errorf("body %q", body)
	}
	w = serve(fail("half"), get("/"))
	if w.Code != http.StatusOK || w.Body.String() != "half" {
		t.Errorf("%d %q: something was added to what had been written", w.Code, w.Body)
	}
	if n := strings.Count(log.String(), "secret"); n != 2 {
		t.Errorf("%d errors logged, want 2", n)
	}
}

// Mutation: begun stays false, or the writer loses its methods.
func TestHandlerFuncOutsideTheMiddlewareAddsNothingToWhatWasBegun(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		begin func(http.ResponseWriter)
		want  string // the answer begins like this
	}{
		"nothing":                      {func(http.ResponseWriter) {}, "HTTP/1.1 500"},
		"hints":                        {func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) }, "HTTP/1.1 103"},
		"status":                       {func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }, "HTTP/1.1 202"},
		"flushed":                      {func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, "HTTP/1.1 200"},
		"flushed through a controller": {func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }, "HTTP/1.1 200"},
		"hijacked": {func(w http.ResponseWriter) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "mine\n")
			_ = conn.Close()
		}, "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := middleware.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
				tt.begin(w)
				return errSecret
			})
			res := rawAll(t, newServer(t, h), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(res, tt.want) {
				t.Errorf("answer %q, want %q", res, tt.want)
			}
			failed := name == "nothing" || name == "hints"
			if strings.Contains(res, "internal-error") != failed {
				t.Errorf("answer %q", res)
			}
		})
	}
}

func TestHandlerFuncKeepsWhatItsWriterCanDo(t *testing.T) {
	t.Parallel()
	type bare struct{ http.ResponseWriter }
	h := middleware.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		if _, ok := w.(http.Flusher); ok {
			t.Error("it can flush what cannot be flushed")
		}
		return errSecret
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(bare{w}, get("/"))
	wantStatus(t, w, http.StatusInternalServerError)
}

func TestSafeMethods(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]bool{
		"GET": true, "HEAD": true, "OPTIONS": true, "TRACE": true, "POST": false, "PUT": false, "DELETE": false, "get": false, "": false,
	} {
		if got := middleware.SafeMethods(&http.Request{Method: method}); got != want {
			t.Errorf("SafeMethods(%q) = %t", method, got)
		}
	}
}
