package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var errSecret = errors.New("duplicate key (secret)=(42)")

// Mutation: Retry-After for all, the text of the error as a title, or the order
// of the cases in judge.
func TestRule12_FailedRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancelLate()
	shutdown, cancelCause := context.WithCancelCause(context.Background())
	cancelCause(errSecret)
	exhausted := &retryable.ExhaustedError{Attempts: 6, Errs: []error{retryable.Mark(errSecret)}}
	outage := &retryable.ExhaustedError{Attempts: 6, Errs: []error{retryable.Mark(errSecret), fakedb.Fault(retryable.Failover)}}
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		err    error
		status int
		slug   string
		retry  string
	}{
		{"plain", nil, errSecret, 500, "internal-error", ""},
		{"response too large", nil, &middleware.ResponseTooLargeError{Limit: 1}, 500, "internal-error", ""},
		{"ended by text", nil, txctx.ErrManaged, 500, "internal-error", ""},
		{"exhausted", nil, exhausted, 503, "unavailable", "1 to 3"},
		{"outage", nil, outage, 503, "unavailable", "1 to 10"},
		{"half a body", nil, &middleware.BodyError{Err: io.ErrUnexpectedEOF}, 400, "body-incomplete", ""},
		{"body too large", nil, &middleware.BodyError{Err: &http.MaxBytesError{Limit: 1}}, 413, "body-too-large", ""},
		{"half a body, client gone", canceled, &middleware.BodyError{Err: io.ErrUnexpectedEOF}, 400, "body-incomplete", ""},
		{"the handler's own limit", nil, &http.MaxBytesError{Limit: 1}, 500, "internal-error", ""},
		{"unknown", nil, &txctx.OutcomeUnknownError{Err: errSecret}, 503, "outcome-unknown", ""},
		{"unknown, deadline", late, &txctx.OutcomeUnknownError{Err: errSecret}, 503, "outcome-unknown", ""},
		{"unknown, client gone", canceled, &txctx.OutcomeUnknownError{Err: errSecret}, 503, "outcome-unknown", ""},
		{"deadline", late, context.DeadlineExceeded, 503, "timeout", "1 to 3"},
		{"attempt timeout", nil, errors.Join(errSecret, txctx.ErrAttemptTimeout), 503, "timeout", "1 to 3"},
		{"client gone", canceled, context.Canceled, 499, "", ""},
		{"client gone, exhausted", canceled, exhausted, 499, "", ""},
		{"shutdown", shutdown, errSecret, 503, "unavailable", "1 to 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := get("/")
			if tt.ctx != nil {
				r = r.WithContext(tt.ctx)
			}
			w := httptest.NewRecorder()
			w.Header().Set("Content-Length", "7")
			w.Header().Set("Content-Encoding", "gzip")
			middleware.Problem(w, r, tt.err)
			wantStatus(t, w, tt.status)
			if got := middleware.Status(r, tt.err); got != tt.status {
				t.Errorf("Status = %d", got)
			}
			if got := w.Header().Get("Retry-After"); !within(got, tt.retry) {
				t.Errorf("Retry-After %q, want %q", got, tt.retry)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the text of the error is sent: %s", w.Body)
			}
			if tt.slug == "" {
				if w.Body.Len() != 0 {
					t.Errorf("body %q for nobody", w.Body)
				}
				return
			}
			var body struct {
				Type, Title string
				Status      int
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(body.Type, "#"+tt.slug) || body.Status != tt.status || body.Title == "" {
				t.Errorf("problem %+v", body)
			}
			want := http.Header{
				"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"},
			}
			w.Header().Del("Retry-After")
			if diff := cmp.Diff(want, w.Header()); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

// within reports whether a Retry-After is in a range such as "1 to 3"; "" is none.
func within(got, want string) bool {
	var from, to int
	if _, err := fmt.Sscanf(want, "%d to %d", &from, &to); err != nil {
		return got == want
	}
	n, err := strconv.Atoi(got)
	return err == nil && from <= n && n <= to
}

// TestRetryAfterSpreadsClientsOut: each second of the range is drawn, about equally often.
func TestRetryAfterSpreadsClientsOut(t *testing.T) {
	t.Parallel()
	const draws = 10_000
	outage := &retryable.ExhaustedError{Attempts: 1, Errs: []error{fakedb.Fault(retryable.Disconnected)}, Why: "budget used up"}
	drawn := make(map[string]int)
	for range draws {
		w := httptest.NewRecorder()
		middleware.Problem(w, get("/"), outage)
		drawn[w.Header().Get("Retry-After")]++
	}
	if len(drawn) != 10 {
		t.Errorf("drawn %v", drawn)
	}
	for seconds, n := range drawn {
		if n < draws/10*3/4 || n > draws/10*5/4 { // eight standard deviations
			t.Errorf("%s s was drawn %d times of %d", seconds, n, draws)
		}
	}
}

// Mutation: hand the sealed writer to OnError.
func TestRule12_AnExhaustedRequestShowsNothingOfItsAttempts(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(http.ResponseWriter){
		"answered":   func(http.ResponseWriter) {},
		"panicked":   func(http.ResponseWriter) { panic("last words") },
		"with error": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			h := wrap(t, doomedAlways(retryable.Serialization), middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
				n++
				http.SetCookie(w, &http.Cookie{Name: "session", Value: "stolen"})
				_ = exec(r.Context(), "a")
				_, _ = io.WriteString(w, "partial")
				end(w)
			})
			w := httptest.NewRecorder()
			w.Header().Set("X-Outer", "kept")
			h.ServeHTTP(w, post("x"))
			wantStatus(t, w, http.StatusServiceUnavailable)
			header := w.Result().Header
			if n != 6 || header.Get("Set-Cookie") != "" || header.Get("X-Outer") != "kept" || !within(header.Get("Retry-After"), "1 to 3") {
				t.Errorf("%d attempts, header %v", n, header)
			}
			if body := w.Body.String(); strings.Contains(body, "partial") || strings.Contains(body, "serialization") {
				t.Errorf("body %q", body)
			}
		})
	}
}

func TestRule16_AnUnknownOutcomeIsReplayedForSafeMethodsOnly(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int{
		http.MethodGet: 200, http.MethodHead: 200, http.MethodOptions: 200, http.MethodTrace: 200,
		http.MethodPost: 503, http.MethodPut: 503, http.MethodPatch: 503, http.MethodDelete: 503,
	} {
		db := fakedb.New(fakedb.Attempt{CommitErr: errSecret, Outcome: txctx.Unknown})
		h := wrap(t, db, middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) { _ = exec(r.Context(), "a") })
		w := serve(h, httptest.NewRequest(method, "/", nil))
		wantStatus(t, w, want)
		if retry := w.Result().Header.Get("Retry-After"); retry != "" {
			t.Errorf("%s: Retry-After %q", method, retry)
		}
	}
}

// Mutation: RollbackOn compares with > 400, or the veto turns the answer into an
// error.
func TestAnswersOf400AndMoreRollBackAndAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		on     func(int) bool
		commit bool
	}{
		{0, nil, true},
		{200, nil, true},
		{303, nil, true},
		{399, nil, true},
		{400, nil, false},
		{404, nil, false},
		{500, nil, false},
		{503, nil, false},
		{404, func(status int) bool { return status >= 500 }, true},
		{200, func(status int) bool { return status == 200 }, false},
	} {
		db := fakedb.New()
		n := 0
		h := wrap(t, db, middleware.Config{RollbackOn: tt.on}, func(w http.ResponseWriter, r *http.Request) {
			n++
			_ = exec(r.Context(), "a")
			w.Header().Set("X-Mine", "1")
			if tt.status != 0 {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, "mine")
			}
		})
		w := serve(h, get("/"))
		wantStatus(t, w, max(tt.status, 200))
		if w.Result().Header.Get("X-Mine") != "1" || (tt.status != 0 && w.Body.String() != "mine") || n != 1 {
			t.Errorf("%d: %d attempts, header %v, body %q", tt.status, n, w.Header(), w.Body)
		}
		if committed := len(db.Committed()) == 1; committed != tt.commit {
			t.Errorf("%d: committed %t", tt.status, committed)
		}
	}
}

func TestWishesOfTheHandlerCountMoreThanTheStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		wish   func(context.Context)
		commit bool
	}{{401, txctx.Commit, true}, {200, txctx.Rollback, false}} {
		db := fakedb.New()
		h := wrap(t, db, middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
			_ = exec(r.Context(), "a")
			tt.wish(r.Context())
			w.WriteHeader(tt.status)
		})
		wantStatus(t, serve(h, get("/")), tt.status)
		if committed := len(db.Committed()) == 1; committed != tt.commit {
			t.Errorf("%d: committed %t", tt.status, committed)
		}
	}
}

func TestRule17_HooksRunBeforeTheAnswerIsSent(t *testing.T) {
	t.Parallel()
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	hook := false
	w.onUse = func() {
		if !hook {
			t.Error("the answer was sent before the hook ran")
		}
	}
	h := wrap(t, doomedOnce(), middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
		txctx.AfterCommit(r.Context(), func(context.Context) {
			if hook {
				t.Error("the hook ran twice")
			}
			hook = true
		})
		_, _ = io.WriteString(w, "x")
		_ = exec(r.Context(), "a")
	})
	h.ServeHTTP(w, get("/"))
}

// TestAnUnknownOutcomeNamesItsRun, so that it can be found in the ledger and the log.
func TestAnUnknownOutcomeNamesItsRun(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	middleware.Problem(w, get("/"), &txctx.OutcomeUnknownError{Run: txctx.RunID{0: 1, 15: 255}})
	var p struct{ Instance string }
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Instance != "urn:uuid:01000000-0000-0000-0000-0000000000ff" {
		t.Errorf("%s, error %v", w.Body, err)
	}
}
