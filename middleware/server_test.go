package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func do(t *testing.T, server *httptest.Server, req *http.Request) (status int, body string) {
	t.Helper()
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(got)
}

func request(t *testing.T, server *httptest.Server, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// Mutation: copy the trailers of the request in the first attempt only, or share
// their values.
func TestRule06_EachAttemptSeesTheTrailersOfTheRequest(t *testing.T) {
	t.Parallel()
	h := wrap(t, doomedOnce(), middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		if _, announced := r.Trailer["X-Sum"]; !announced || r.Trailer.Get("X-Sum") != "" {
			t.Errorf("attempt %d: trailers before the body was read: %v", number(r), r.Trailer)
		}
		if got, err := io.ReadAll(r.Body); string(got) != "body" || err != nil {
			t.Errorf("attempt %d: %q, %v", number(r), got, err)
		}
		if got := r.Trailer.Get("X-Sum"); got != "7" {
			t.Errorf("attempt %d: trailer %q", number(r), got)
		}
		r.Trailer["X-Sum"][0] = "spoilt"
		_ = exec(r.Context(), "a")
	})
	server := newServer(t, h)
	req := request(t, server, chunked(strings.NewReader("body")))
	req.Trailer = http.Header{"X-Sum": {"7"}}
	if status, _ := do(t, server, req); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

func TestRule06_ATrailerThatWasNotAnnouncedArrives(t *testing.T) {
	t.Parallel()
	h := wrap(t, doomedOnce(), middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		if r.Trailer.Get("X-Sum") != "" {
			t.Errorf("attempt %d has its trailers before the body was read", number(r))
		}
		_, _ = io.ReadAll(r.Body)
		if got := r.Trailer.Get("X-Sum"); got != "7" {
			t.Errorf("attempt %d: trailer %q", number(r), got)
		}
		_ = exec(r.Context(), "a")
	})
	res := raw(t, newServer(t, h), "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n")
	if !strings.HasPrefix(res, "HTTP/1.1 200") {
		t.Errorf("answer %q", res)
	}
}

// rawAll sends text and returns what comes until the connection is closed.
func rawAll(t *testing.T, server *httptest.Server, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, text)
	all, _ := io.ReadAll(conn)
	return string(all)
}

// raw sends text and returns the first line of the answer.
func raw(t *testing.T, server *httptest.Server, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, text)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestRule07_AClientThatStopsHalfWayIsAnswered400(t *testing.T) {
	t.Parallel()
	db := doomedOnce()
	n := 0
	h := wrap(t, db, middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		n++
		_, _ = io.ReadAll(r.Body)
		_ = exec(r.Context(), "a")
	})
	server := newServer(t, h)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
	_ = conn.(*net.TCPConn).CloseWrite()
	line, _ := bufio.NewReader(conn).ReadString('\n')
	if !strings.HasPrefix(line, "HTTP/1.1 400") || n != 1 {
		t.Errorf("%d attempts, answer %q", n, line)
	}
	wantCommitted(t, db)
}

func TestExpectContinueIsHonoured(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]bool{"100": true, "200": false} {
		h := wrap(t, fakedb.New(), middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
			if read {
				_, _ = r.Body.Read(make([]byte, 1))
			}
		})
		text := "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
		if read {
			text += "x"
		}
		if line := raw(t, newServer(t, h), text); !strings.HasPrefix(line, "HTTP/1.1 "+name) {
			t.Errorf("answer %q, want %s", line, name)
		}
	}
}

// Mutation: leave the context out of mayReplay.
func TestRule11_NothingIsReplayedForAClientThatHasGone(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	done := make(chan error, 1)
	n := 0
	db := fakedb.New()
	h := wrap(t, db, middleware.Config{
		OnError: func(w http.ResponseWriter, r *http.Request, err error) {
			middleware.Problem(w, r, err)
			done <- err
		},
	}, func(_ http.ResponseWriter, r *http.Request) {
		n++
		_ = exec(r.Context(), "a")
		leave()
		<-r.Context().Done()
		panic(retryable.ErrRetry)
	})
	server := newServer(t, h)
	req := request(t, server, nil).WithContext(ctx)
	if res, err := server.Client().Do(req); err == nil {
		_ = res.Body.Close()
		t.Error("the client got an answer")
	}
	if err := <-done; !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%d attempts, %v", n, err)
	}
	wantCommitted(t, db)
}

// Mutation: leave over out of response.seal, or out of response.Header.
func TestRule19_NothingIsAddedToTheAnswerDuringTheCommit(t *testing.T) {
	t.Parallel()
	var out http.ResponseWriter
	db := fakedb.New(fakedb.Attempt{OnEnd: func(context.Context) {
		out.Header().Set("X-Late", "1")
		if _, err := io.WriteString(out, "late"); !errors.Is(err, txctx.ErrAttemptOver) {
			t.Errorf("late write: %v", err)
		}
	}})
	h := wrap(t, db, middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
		out = w
		_ = exec(r.Context(), "a")
	})
	if w := serve(h, get("/")); w.Body.Len() != 0 || w.Header().Get("X-Late") != "" {
		t.Errorf("body %q, header %v", w.Body, w.Header())
	}
}

// Mutation: Control.end leaves over false.
func TestRule19_AGoroutineThatKeptTheAttemptGetsAnError(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(){"returned": func() {}, "panicked": func() { panic(retryable.ErrRetry) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := fakedb.New()
			var late func()
			h := wrap(t, db, middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
				if number(r) == 1 {
					_, _ = io.WriteString(w, "first")
					late = func() {
						rc := http.NewResponseController(w)
						_, writeErr := w.Write([]byte("late"))
						_, readErr := r.Body.Read(make([]byte, 1))
						for what, err := range map[string]error{
							"write":         writeErr,
							"read":          readErr,
							"statement":     exec(r.Context(), "late"),
							"read deadline": rc.SetReadDeadline(time.Time{}),
						} {
							if !errors.Is(err, txctx.ErrAttemptOver) {
								t.Errorf("%s: %v", what, err)
							}
						}
						w.Header().Set("X-Late", "1")
						w.WriteHeader(http.StatusTeapot)
					}
					txctx.Fail(r.Context(), retryable.ErrRetry)
					first()
					return
				}
				late()
				_ = exec(r.Context(), "b")
				_, _ = io.WriteString(w, "second")
			})
			w := serve(h, post("body"))
			if w.Code != http.StatusOK || w.Body.String() != "second" || w.Header().Get("X-Late") != "" {
				t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
			}
			late() // and after the request
			wantCommitted(t, db, "b")
		})
	}
}

// The race detector is the judge here. Mutation: response without its lock, or
// attempts that share the trailers.
func TestRule19_GoroutinesThatKeptTheAttemptRaceWithNothing(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	arrive := make(chan struct{})
	h := wrap(t, fakedb.New(), middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
		begun := make(chan struct{})
		wg.Go(func() {
			close(begun)
			_, _ = io.ReadAll(r.Body)
		})
		wg.Go(func() {
			for i := range 100 {
				_, _ = fmt.Fprint(w, i)
				w.WriteHeader(http.StatusAccepted)
				_ = exec(r.Context(), "late")
			}
		})
		<-begun
		if number(r) < 4 {
			if number(r) == 2 {
				close(arrive)
			}
			txctx.Fail(r.Context(), retryable.ErrRetry)
		}
	})
	server := newServer(t, h)
	body, send := io.Pipe()
	go func() {
		_, _ = io.WriteString(send, "first half")
		<-arrive
		_, _ = io.WriteString(send, "second half")
		_ = send.Close()
	}()
	req := request(t, server, body)
	req.Trailer = http.Header{"X-Sum": {"7"}}
	do(t, server, req)
	wg.Wait()
}

// http.TimeoutHandler leaves the handler behind in the middle of a statement.
func TestRule19_ATimeoutHandlerInsideCutsItsStatementOff(t *testing.T) {
	t.Parallel()
	db := fakedb.New(fakedb.Attempt{Exec: func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}})
	late := make(chan error, 2)
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		late <- exec(r.Context(), "slow")
		late <- exec(context.WithoutCancel(r.Context()), "after")
		_, _ = io.WriteString(w, "late")
	})
	h := layer(t, db, middleware.Config{})(http.TimeoutHandler(slow, time.Millisecond, "too slow"))
	w := serve(h, get("/"))
	wantStatus(t, w, http.StatusServiceUnavailable)
	if got := w.Body.String(); got != "too slow" {
		t.Errorf("body %q", got)
	}
	for range 2 {
		if err := <-late; err == nil {
			t.Error("a statement succeeded")
		}
	}
	wantCommitted(t, db)
}

// Around a route, where chi has finished routing. Around a whole router the
// goroutine that was left behind routes while outer middleware reads the route, in
// bare chi as here.
func TestRule19_ATimeoutHandlerAroundARouteOfChiRacesWithNothing(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	r := chi.NewRouter()
	r.Use(layer(t, fakedb.New(), middleware.Config{}))
	timeout := func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Millisecond, "too slow") }
	r.With(timeout).Get("/items/{id}", func(w http.ResponseWriter, r *http.Request) {
		defer wg.Done()
		<-r.Context().Done()
		<-release
		_, _ = io.WriteString(w, chi.URLParam(r, "id"))
	})
	wantStatus(t, serve(r, get("/items/7")), http.StatusServiceUnavailable)
	close(release)
	wg.Wait()
}
