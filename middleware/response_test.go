package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
)

// Mutation: start from the header of the attempt before, or write through.
func TestRule08_NothingOfADiscardedAttemptIsSent(t *testing.T) {
	t.Parallel()
	h := wrap(t, doomedOnce(), middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if number(r) == 1 {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "stolen"})
			w.Header().Set("ETag", `"1"`)
			w.Header().Del("X-Outer")
			w.Header().Set("Trailer", "X-Late")
			w.Header().Set(http.TrailerPrefix+"X-Later", "1")
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, pattern(100*kib))
			w.Header().Set("X-Late", "1")
		}
		if exec(r.Context(), "a") == nil {
			_, _ = io.WriteString(w, "second")
		}
	})
	w := httptest.NewRecorder()
	w.Header().Set("X-Outer", "kept")
	h.ServeHTTP(w, get("/"))
	res := w.Result()
	want := http.Header{"X-Outer": {"kept"}, "Content-Length": {"6"}}
	if diff := cmp.Diff(want, res.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if w.Code != http.StatusOK || w.Body.String() != "second" || len(res.Trailer) != 0 {
		t.Errorf("%d %.20q, trailer %v", w.Code, w.Body, res.Trailer)
	}
}

// Mutation: send before Run has returned.
func TestRule14_NothingReachesTheClientBeforeTheCommit(t *testing.T) {
	t.Parallel()
	var h http.Handler
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	db := fakedb.New()
	w.onUse = func() {
		if len(db.Committed()) != 1 {
			t.Error("the client is told before the commit")
		}
	}
	h = wrap(t, db, middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, pattern(200*kib))
		_ = exec(r.Context(), "a")
	})
	h.ServeHTTP(w, get("/"))
	if w.Code != http.StatusCreated || w.Body.String() != pattern(200*kib) {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

// spy tells when it is used.
type spy struct {
	*httptest.ResponseRecorder
	onUse func()
}

func (s *spy) Write(p []byte) (int, error) { s.onUse(); return s.ResponseRecorder.Write(p) }
func (s *spy) WriteHeader(code int)        { s.onUse(); s.ResponseRecorder.WriteHeader(code) }

func TestRule08_AFailedCommitIsNotTheHandlersAnswer(t *testing.T) {
	t.Parallel()
	db := fakedb.New(fakedb.Attempt{CommitErr: fakedb.Fault(retryable.None)})
	h := wrap(t, db, middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "done")
		_ = exec(r.Context(), "a")
	})
	w := serve(h, get("/"))
	wantStatus(t, w, http.StatusInternalServerError)
	if strings.Contains(w.Body.String(), "done") {
		t.Errorf("body %q", w.Body)
	}
}

// Mutation: leave out the limit in Write.
func TestRule08_AResponseBeyondMaxResponseIs500(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{10, 100 * kib} {
		db := fakedb.New()
		var failure error
		h := wrap(t, db, middleware.Config{
			MaxResponse: int64(limit),
			OnError: func(w http.ResponseWriter, r *http.Request, err error) {
				failure = err
				middleware.Problem(w, r, err)
			},
		}, func(w http.ResponseWriter, r *http.Request) {
			_ = exec(r.Context(), "a")
			if n, err := io.WriteString(w, pattern(limit)); n != limit || err != nil {
				t.Errorf("Write = %d, %v", n, err)
			}
			for range 2 {
				if n, err := w.Write([]byte("x")); n != 0 || err == nil {
					t.Errorf("Write beyond the limit = %d, %v", n, err)
				}
			}
		})
		wantStatus(t, serve(h, get("/")), http.StatusInternalServerError)
		if tooLarge, ok := errors.AsType[*middleware.ResponseTooLargeError](failure); !ok || tooLarge.Limit != int64(limit) {
			t.Errorf("failure %v", failure)
		}
		wantCommitted(t, db)
	}
}

func TestAResponseThatCannotBeKeptIs500(t *testing.T) {
	t.Parallel()
	dir := brokenDir(t)
	h := middleware.New(fakedb.New(), middleware.Config{Retry: hasty, Logger: quiet, TempDir: dir.path})(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			dir.smash()
			if _, err := io.WriteString(w, pattern(100*kib)); err == nil {
				t.Error("the response was kept")
			}
		}))
	wantStatus(t, serve(h, get("/")), http.StatusInternalServerError)
}

// Mutation: add an Unwrap method to response.
func TestRule08_TheSealHasNoHoles(t *testing.T) {
	t.Parallel()
	deadlines := 0
	h := wrap(t, fakedb.New(), middleware.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.Flush(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Flush: %v", err)
		}
		if _, _, err := rc.Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack: %v", err)
		}
		if err := rc.EnableFullDuplex(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("EnableFullDuplex: %v", err)
		}
		if _, ok := w.(http.Flusher); ok {
			t.Error("it is a Flusher")
		}
		if _, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
			t.Error("it has Unwrap")
		}
		if err := rc.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Errorf("SetReadDeadline: %v", err)
		}
		if err := rc.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
	})
	h.ServeHTTP(&timed{httptest.NewRecorder(), &deadlines}, get("/"))
	if deadlines != 2 {
		t.Errorf("%d deadlines passed through, want 2", deadlines)
	}
}

type timed struct {
	*httptest.ResponseRecorder
	n *int
}

func (w *timed) SetReadDeadline(time.Time) error  { *w.n++; return nil }
func (w *timed) SetWriteDeadline(time.Time) error { *w.n++; return nil }

func TestAnInvalidStatusPanicsAsInNetHTTP(t *testing.T) {
	t.Parallel()
	h := wrap(t, fakedb.New(), middleware.Config{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(42) })
	defer func() {
		if v := recover(); v != "invalid WriteHeader code 42" {
			t.Errorf("panic %v", v)
		}
	}()
	serve(h, get("/"))
}

func newServer(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = nullLog
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func TestRule08_InformationalHeadersAreDroppedAndEndNothing(t *testing.T) {
	t.Parallel()
	h := wrap(t, fakedb.New(), middleware.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-After", "1")
		w.WriteHeader(http.StatusCreated)
	})
	w := serve(h, get("/"))
	wantStatus(t, w, http.StatusCreated)
	if w.Result().Header.Get("X-After") != "1" {
		t.Error("the informational header ended the header")
	}
}

// net/http loses these where the body is short.
func TestTrailersThatWereNotAnnouncedArrive(t *testing.T) {
	t.Parallel()
	got := fetch(t, wrap(t, fakedb.New(), middleware.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "body")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "7")
	}), http.MethodGet)
	if got.Body != "body" || got.Trailer.Get("X-Sum") != "7" {
		t.Errorf("%+v", got)
	}
}

func TestAContentLengthThatIsNoNumberIsReplaced(t *testing.T) {
	t.Parallel()
	w := serve(wrap(t, fakedb.New(), middleware.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "many")
		_, _ = io.WriteString(w, "body")
	}), get("/"))
	if got := w.Result().Header.Get("Content-Length"); got != "4" {
		t.Errorf("Content-Length %q", got)
	}
}

func TestTheLengthOfALongBodyIsSaid(t *testing.T) {
	t.Parallel()
	got := fetch(t, wrap(t, fakedb.New(), middleware.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			_, _ = io.WriteString(w, pattern(3*kib))
		}
	}), http.MethodGet)
	if got.Length != 300*kib || got.Body != strings.Repeat(pattern(3*kib), 100) {
		t.Errorf("length %d, %d bytes, or other bytes", got.Length, len(got.Body))
	}
}

func TestMoreThanTheDeclaredLengthIsRefused(t *testing.T) {
	t.Parallel()
	w := serve(wrap(t, fakedb.New(), middleware.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "4")
		_, _ = io.WriteString(w, "body")
		if n, err := io.WriteString(w, "more"); n != 0 || !errors.Is(err, http.ErrContentLength) {
			t.Errorf("Write = %d, %v", n, err)
		}
	}), get("/"))
	if got := w.Body.String(); got != "body" {
		t.Errorf("body %q", got)
	}
}

func TestAnAnswerThatCannotBeSentChangesNothing(t *testing.T) {
	t.Parallel()
	db := fakedb.New()
	h := wrap(t, db, middleware.Config{
		OnError: func(http.ResponseWriter, *http.Request, error) { t.Error("a second answer") },
	}, func(w http.ResponseWriter, r *http.Request) {
		_ = exec(r.Context(), "a")
		_, _ = io.WriteString(w, "x")
	})
	h.ServeHTTP(&deaf{httptest.NewRecorder()}, get("/"))
	wantCommitted(t, db, "a")
}

// deaf is a client that has gone.
type deaf struct{ *httptest.ResponseRecorder }

func (*deaf) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
