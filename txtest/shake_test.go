package txtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

// app is what a case of a handler under Shake can use.
type app struct {
	s     *txtest.Shaker
	calls int // of the handler
	http  http.Client
}

// shake shakes h with one request and returns what it is reported for.
func shake(t *testing.T, s *txtest.Shaker, r *http.Request, h func(a *app, w http.ResponseWriter, r *http.Request)) []string {
	t.Helper()
	if s.DB == nil {
		s.DB = new(txtest.DB)
	}
	s.Config.Logger = quiet
	a := &app{s: s}
	a.http.Transport = s.Transport(roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	}))
	w := new(witness)
	s.Shake(w, s.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.calls++
		h(a, w, r)
	})), r)
	return w.errors
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func exec(ctx context.Context, text string) { _ = txtest.Statement(ctx, text) }

// wantFindings wants lines that begin like these.
func wantFindings(t *testing.T, got []string, want ...string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := range want {
		ok = ok && strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Errorf("findings:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Mutations seen to fail it: doom the second attempt as well; do not doom the first.
func TestShakeServesTwiceAndCommitsOnce(t *testing.T) {
	t.Parallel()
	db := new(txtest.DB)
	var numbers []int
	hooks := 0
	got := shake(t, &txtest.Shaker{DB: db}, post("/", "body"), func(a *app, w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		numbers = append(numbers, txctx.AttemptOf(ctx).Number)
		body, _ := io.ReadAll(r.Body)
		exec(ctx, "insert "+string(body))
		txctx.AfterCommit(ctx, func(context.Context) { hooks++; a.s.Effect("mail") })
		w.Header().Set("Location", "/7")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "done")
	})
	wantFindings(t, got)
	want(t, "attempts", numbers, []int{1, 2})
	want(t, "hooks", hooks, 1)
	want(t, "committed", db.Committed(), []string{"insert body"})
	want(t, "rolled back", db.RolledBack(), []string{"insert body"})
}

// Each case does what does not bear a replay.
//
// Mutations seen to fail it: compare no status, no header, no body, no statement, no
// read; count what happens after the attempts; count safe requests; ignore the
// Idempotency-Key.
func TestShakeFinds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		s    *txtest.Shaker
		h    func(a *app, w http.ResponseWriter, r *http.Request)
		want []string
	}{
		{"a status", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(200 + a.calls)
		}, []string{"POST /order (request 1): the status was 201 in attempt 1, and 202 in 2"}},
		{"no status at all", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			if a.calls == 1 {
				w.WriteHeader(200)
			}
		}, nil},
		{"a header", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			w.Header().Set("X-Count", fmt.Sprint(a.calls))
			if a.calls == 2 {
				w.Header().Set("X-New", "y")
			}
		}, []string{
			`POST /order (request 1): the header X-Count was "1" in attempt 1, and "2" in 2; `,
			`POST /order (request 1): the header X-New was "" in attempt 1, and "y" in 2; `,
		}},
		{"a header that comes too late to be sent", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			_, _ = io.WriteString(w, "x")
			w.Header().Set("X-Count", fmt.Sprint(a.calls))
		}, nil},
		{"a byte of the body", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			fmt.Fprint(w, strings.Repeat("-", 40), a.calls, strings.Repeat("-", 40))
		}, []string{`POST /order (request 1): the answer differs at byte 40: "------------1-----------" in attempt 1, and "------------2-----------" in 2; `}},
		{"the length of the body", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			fmt.Fprint(w, strings.Repeat("-", a.calls))
		}, []string{`POST /order (request 1): the answer differs at byte 1: "-" in attempt 1, and "--" in 2; `}},
		{"what is to be ignored", &txtest.Shaker{Ignore: []string{`"id":\d+`, `^X-Count:.*`}}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			w.Header().Set("X-Count", fmt.Sprint(a.calls))
			fmt.Fprintf(w, `{"id":%d,"n":%d}`, a.calls*7, a.calls)
		}, []string{`POST /order (request 1): the answer differs at byte 6: "{,\"n\":1}" in attempt 1, and "{,\"n\":2}" in 2; `}},
		{"fewer statements", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			if a.calls == 1 {
				exec(r.Context(), "select")
			}
			exec(r.Context(), "insert")
		}, []string{"POST /order (request 1): the statements differ, 2 in attempt 1 and 1 in 2: statement 1 (select) in the one is statement 1 (insert) in the other; something has outlived attempt 1"}},
		{"more statements", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "insert")
			if a.calls == 2 {
				exec(r.Context(), "insert")
			}
		}, []string{"POST /order (request 1): the statements differ, 1 in attempt 1 and 2 in 2: the end in the one is statement 2 (insert) in the other; "}},
		{"other statements", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), fmt.Sprint("insert ", a.calls))
		}, []string{"POST /order (request 1): the statements differ, 1 in attempt 1 and 1 in 2: statement 1 (insert 1) in the one is statement 1 (insert 2) in the other; "}},
		{"another order of statements", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), fmt.Sprint("insert ", a.calls))
			exec(r.Context(), fmt.Sprint("insert ", 3-a.calls))
		}, nil},
		{"a body that is read once", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			if a.calls == 1 {
				_, _ = io.ReadAll(r.Body)
			}
		}, []string{"POST /order (request 1): attempt 1 read 4 bytes of the request's body, and 2 read 0; "}},
		{"a body that is read further", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			_, _ = io.ReadFull(r.Body, make([]byte, a.calls))
		}, []string{"POST /order (request 1): attempt 1 read 1 bytes of the request's body, and 2 read 2; "}},
		{"a body whose end is seen once", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			_, _ = io.ReadFull(r.Body, make([]byte, 3+a.calls))
		}, []string{"POST /order (request 1): attempt 1 read 4 bytes of the request's body, and 2 read 4; "}},
		{"an effect", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			a.s.Effect("mail to ann")
			a.s.Effect("mail to ann")
		}, []string{"POST /order (request 1): mail to ann happened in an attempt that was rolled back, and again in its replay; "}},
		{"an effect that happens once", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			_, _ = txctx.Once(r.Context(), "mail", func() (int, error) { a.s.Effect("mail"); return 0, nil })
			txctx.AfterCommit(r.Context(), func(context.Context) { a.s.Effect("mail") })
		}, nil},
		{"a request that is sent twice", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			a.send(http.MethodPost, "http://user:secret@mail.test/send?token=secret", "")
		}, []string{"POST /order (request 1): POST http://mail.test/send happened in an attempt that was rolled back, and again in its replay; "}},
		{"requests that may be sent twice", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			a.send(http.MethodGet, "http://rates.test/", "")
			a.send(http.MethodPost, "http://pay.test/", "the same")
			txctx.AfterCommit(r.Context(), func(context.Context) { a.send(http.MethodPost, "http://mail.test/", "") })
		}, nil},
		{"a key that is another one each time", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			a.send(http.MethodPost, "http://pay.test/", fmt.Sprint(a.calls))
		}, []string{"POST /order (request 1): POST http://pay.test/ happened in an attempt that was rolled back, and again"}},
		{"a fence", &txtest.Shaker{Fences: []string{"meant"}}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			txctx.DisableReplay(r.Context(), "mail is out")
		}, []string{"POST /order (request 1): replay was disabled (mail is out): "}},
		{"a fence that is meant", &txtest.Shaker{Fences: []string{"meant"}}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			txctx.DisableReplay(r.Context(), "meant")
		}, nil},
		{"a failure", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			txctx.Fail(r.Context(), errors.New("out of paper"))
		}, []string{"POST /order (request 1): the request failed in attempt 1, so nobody knows whether it bears a replay: out of paper"}},
		{"no database", &txtest.Shaker{}, func(*app, http.ResponseWriter, *http.Request) {},
			[]string{"no request sent a statement in an attempt: "}},
		{"an answer that rolls back", &txtest.Shaker{}, func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			http.Error(w, fmt.Sprint("not found ", a.calls), http.StatusNotFound)
		}, []string{`POST /order (request 1): the answer differs at byte 10: "not found 1\n" in attempt 1, and "not found 2\n" in 2; `}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantFindings(t, shake(t, tt.s, post("/order", "body"), tt.h), tt.want...)
		})
	}
}

// send sends a request.
func (a *app) send(method, url, key string) {
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Idempotency-Key", key)
	if resp, err := a.http.Do(r); err == nil {
		_ = resp.Body.Close()
	}
}

// Mutation seen to fail it: do not wait for goroutines before the report.
func TestShakeFindsWhatComesLate(t *testing.T) { // not parallel: goroutines are counted
	synctest.Test(t, func(t *testing.T) {
		got := shake(t, new(txtest.Shaker), post("/", "body"), func(a *app, w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), "x")
			if a.calls == 1 {
				return
			}
			go func() {
				time.Sleep(100 * time.Millisecond)
				exec(r.Context(), "audit")
				_, _ = r.Body.Read(make([]byte, 1))
				_, _ = io.WriteString(w, "x")
			}()
		})
		wantFindings(t, got,
			"POST / (request 1): a statement (audit) came after the end of attempt 2, and was refused; ",
			"POST / (request 1): a read of the request came after the end of attempt 2",
			"POST / (request 1): a write of the answer came after the end of attempt 2")
	})
}

// What the database dooms is neither compared nor taken for shaken.
//
// Mutation seen to fail it: take any doomed attempt for the shaken one.
func TestShakeOnAFaultyDB(t *testing.T) {
	t.Parallel()
	db := txtest.Wrap(new(txtest.DB), txtest.Plan{
		{Attempt: 1, Statement: 2, Reason: retryable.Deadlock},
		{Attempt: 3, AtCommit: true, Reason: retryable.Serialization},
	}).MustFire(t)
	calls := 0
	got := shake(t, &txtest.Shaker{DB: db}, get("/"), func(a *app, w http.ResponseWriter, r *http.Request) {
		calls = a.calls
		exec(r.Context(), "x")
		if err := txtest.Statement(r.Context(), "y"); err != nil {
			fmt.Fprint(w, "sorry")
		}
	})
	wantFindings(t, got)
	want(t, "attempts", calls, 4)
}

// Outer middleware sees one request, and one that nests Reprise changes nothing. The
// user's Config holds.
func TestShakeARouter(t *testing.T) {
	t.Parallel()
	var outer, inner int
	var seen []txctx.EventKind
	s := &txtest.Shaker{DB: new(txtest.DB), Config: middleware.Config{
		Logger:  quiet,
		Retry:   retryable.Policy{MaxRetries: retryable.NoRetries, ConflictBudget: retryable.Budget{Share: 0.01}},
		Skip:    func(r *http.Request) bool { return r.URL.Path == "/stream" },
		Observe: func(_ context.Context, ev txctx.Event) { seen = append(seen, ev.Kind) },
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		inner++
		exec(r.Context(), "select "+r.PathValue("id"))
	})
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush() })
	reprise := s.Middleware(s.Middleware(mux))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer++
		w.Header().Set("X-Request-Id", fmt.Sprint(outer))
		reprise.ServeHTTP(w, r)
	})
	s.Shake(t, h, get("/orders/7"), get("/stream"))
	want(t, "outer", outer, 2)
	want(t, "inner", inner, 2)
	want(t, "events", seen, []txctx.EventKind{
		txctx.AttemptStarted, txctx.AttemptEnded, txctx.ReplayScheduled, txctx.AttemptStarted, txctx.AttemptEnded, txctx.RequestFinished,
	})

	h.ServeHTTP(httptest.NewRecorder(), get("/orders/7")) // not shaken
	want(t, "inner", inner, 3)
}

func TestBadShakersPanic(t *testing.T) {
	t.Parallel()
	want(t, "panic", panicOf(func() { new(txtest.Shaker).Middleware(nil) }), "txtest: Shaker.DB is nil")
	s := &txtest.Shaker{DB: new(txtest.DB), Ignore: []string{"x", "("}}
	want(t, "panic", panicOf(func() { s.Middleware(nil) }),
		"txtest: Shaker.Ignore[1]: error parsing regexp: missing closing ): `(`")
}
