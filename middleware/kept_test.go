package middleware_test

import (
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/txctx"
)

// outer sets headers as middleware outside does: one that is new for each request, and
// some that the handler will meddle with.
func outer(next http.Handler) http.Handler {
	n := 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		h := w.Header()
		h.Set("X-Request-Id", strconv.Itoa(n))
		h.Set("X-Changed", "outer")
		h.Set("X-Removed", "outer")
		h.Set("Vary", "Origin")
		h.Add("Set-Cookie", "outer="+strconv.Itoa(n))
		next.ServeHTTP(w, r)
	})
}

// TestWhatIsKeptOfAnAnswer: what the handler did to the headers, but for what belongs
// to one client, one connection or one answer.
//
// Mutations seen to fail it: keep all headers; keep Set-Cookie; ignore Connection; forget
// what was removed; keep trailers.
func TestWhatIsKeptOfAnAnswer(t *testing.T) {
	t.Parallel()
	db := keeper()
	h := outer(wrap(t, db, byUser(), func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), http.Header{
			"Content-Type": {"text/x-order"}, "Location": {"/orders/1"}, "Etag": {`"1"`}, "X-Changed": {"handler"},
			"Vary": {"Origin", "Accept"}, "X-Many": {"1", "2"},
			"Connection": {"close, x-hop", "X-Hop-2"}, "X-Hop": {"1"}, "X-Hop-2": {"1"}, "Keep-Alive": {"1"},
			"Proxy-Connection": {"1"}, "Proxy-Authenticate": {"1"}, "Proxy-Authentication-Info": {"1"}, "Te": {"1"},
			"Trailer": {"X-Sum"}, "Upgrade": {"1"}, "Date": {"Thu, 01 Jan 1970 00:00:00 GMT"},
			http.TrailerPrefix + "X-Late": {"1"},
		})
		w.Header().Add("Set-Cookie", "session=secret")
		w.Header().Del("X-Removed")
		_, _ = io.WriteString(w, "order 1")
		w.Header().Set("X-Sum", "1")
		w.Header().Set("X-Too-Late", "1")
	}))
	first := serve(h, withKey(`"k"`, "x"))
	if first.Header().Get("X-Hop") == "" || len(first.Header()["Set-Cookie"]) != 2 || first.Result().Trailer.Get("X-Sum") == "" {
		t.Errorf("something is missing in the first answer: %v", first.Header())
	}
	want := http.Header{
		"Content-Type": {"text/x-order"}, "Location": {"/orders/1"}, "Etag": {`"1"`}, "X-Changed": {"handler"},
		"Vary": {"Origin", "Accept"}, "X-Many": {"1", "2"}, "X-Removed": {},
		"Idempotency-Key-Expires": first.Header()["Idempotency-Key-Expires"],
	}
	if diff := cmp.Diff([]txctx.Answer{{Status: 200, Header: want, Body: []byte("order 1")}}, db.Answers()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	delete(want, "X-Removed")
	want["X-Request-Id"] = []string{"2"}
	want["Set-Cookie"] = []string{"outer=2"}
	want["Content-Length"] = []string{"7"}
	want["Idempotency-Replayed"] = []string{"true"}
	second := serve(h, withKey(`"k"`, "x"))
	wantAnswer(t, second, 200, "order 1", true)
	if diff := cmp.Diff(want, second.Header()); diff != "" {
		t.Errorf("second answer (-want +got):\n%s", diff)
	}
}

// TestAKeptAnswerLooksLikeTheFirst on a real connection, whatever the handler wrote.
func TestAKeptAnswerLooksLikeTheFirst(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"nothing":      func(http.ResponseWriter, *http.Request) {},
		"a header":     func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-A", "1") },
		"a status":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"text":         func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "text") },
		"html":         func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<!doctype html>") },
		"much":         func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, pattern(200*kib)) },
		"a length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			_, _ = io.WriteString(w, "ab")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := wrap(t, keeper(), byUser(), answer)
			server := newServer(t, h)
			tell := func() (http.Header, string) {
				req := keyed(request(t, server, strings.NewReader("x")), `"k"`)
				resp, err := server.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Error(err)
				}
				resp.Header.Set("Status", resp.Status)
				resp.Header.Del("Date")
				return resp.Header, string(body)
			}
			header, body := tell()
			replayed, again := tell()
			if replayed.Get("Idempotency-Replayed") != "true" {
				t.Error("it ran again")
			}
			replayed.Del("Idempotency-Replayed")
			if diff := cmp.Diff(header, replayed); diff != "" || body != again {
				t.Errorf("%d bytes, then %d; header (-first +second):\n%s", len(body), len(again), diff)
			}
			for range 2 {
				w := serve(h, withKey(`"l"`, "x")) // net/http takes this header away
				if (w.Code == 204 || w.Code == 304) && w.Header().Get("Content-Length") != "" {
					t.Errorf("%d with Content-Length", w.Code)
				}
			}
		})
	}
}

// TestTheExpiryIsPublished: counted from the arrival of the first request, and the same
// ever after.
func TestTheExpiryIsPublished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		cfg := byUser()
		cfg.TempDir = dir
		h := wrap(t, keeper(), cfg, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Idempotency-Key-Expires", "never")
			time.Sleep(5 * time.Second) // of the bubble
		})
		want := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
		for range 2 {
			w := serve(h, withKey(`"k"`, "x"))
			if diff := cmp.Diff([]string{want}, w.Header()["Idempotency-Key-Expires"]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			time.Sleep(time.Minute)
		}
		if w := serve(h, post("x")); w.Header().Get("Idempotency-Key-Expires") != "never" {
			t.Error("without a key it is the handler's own header")
		}
	})
}
