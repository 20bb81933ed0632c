package scenarios

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/txctx"
)

// streamedResponse: a handler that streams. Inside the middleware nothing leaves before
// COMMIT, so it is refused, and replays go on. A route that streams is skipped.
func streamedResponse(t *testing.T, e torture.Engine) {
	arrived := make(chan struct{})
	s := newStage(t, e, setup{
		app: torture.AppOptions{
			Middleware: func(cfg *middleware.Config) {
				cfg.Skip = func(r *http.Request) bool { return r.URL.Path == "/stream" }
			},
			Routes: func(mux *http.ServeMux, _ *torture.App) {
				mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.WriteString(w, "early ")
					if err := http.NewResponseController(w).Flush(); err != nil || txctx.AttemptOf(r.Context()).Number != 0 {
						t.Errorf("Flush: %v; attempt %d", err, txctx.AttemptOf(r.Context()).Number)
					}
					select {
					case <-arrived:
					case <-r.Context().Done():
						t.Error("the first part did not arrive")
					}
					_, _ = io.WriteString(w, "late")
				})
			},
		},
		after: func(h hook) {
			if h.attempt == 0 {
				return
			}
			if _, ok := h.w.(http.Flusher); ok {
				t.Error("the response is a Flusher")
			}
			if err := http.NewResponseController(h.w).Flush(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("Flush: %v", err)
			}
		},
	})
	s.want("streamed-response", commitNotSent.play(s), once(2, 1))

	s.aside = 1
	resp, err := s.app.Client.Get(s.app.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	early := make([]byte, len("early "))
	if _, err := io.ReadFull(resp.Body, early); err != nil {
		t.Fatal(err)
	}
	close(arrived)
	if rest, err := io.ReadAll(resp.Body); string(early)+string(rest) != "early late" || err != nil {
		t.Errorf("%q %q %v", early, rest, err)
	}
}

// bigBody: a body that is too big to be kept is refused, before the handler or while it
// reads; one that just fits is the same in the replay.
func bigBody(t *testing.T, e torture.Engine) {
	const limit = 200 << 10
	var digests [][32]byte
	s := newStage(t, e, setup{
		app: torture.AppOptions{Middleware: func(cfg *middleware.Config) { cfg.MaxBody = limit }},
		before: func(h hook) {
			body, err := io.ReadAll(h.r.Body)
			if tooLong, ok := errors.AsType[*http.MaxBytesError](err); err != nil && (!ok || tooLong.Limit != limit) {
				t.Errorf("after %d bytes: %v", len(body), err)
			}
			digests = append(digests, sha256.Sum256(body))
			h.r.Body = io.NopCloser(bytes.NewReader(body))
		},
	})
	body := func(req string, size int) string {
		ask, _ := json.Marshal(torture.Ask{Req: req, From: 1})
		return string(ask) + strings.Repeat(" ", size-len(ask))
	}
	post := func(req string, r io.Reader) seen {
		t.Helper()
		runs, looked := s.counts()
		hr, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.app.URL+"/append/1", r)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.app.Client.Do(hr)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, _ := io.ReadAll(resp.Body)
		runsAfter, lookedAfter := s.counts()
		answer := torture.Answer{Status: resp.StatusCode, Header: resp.Header, Body: got}
		s.record(1, req, answer, nil, 0)
		return s.told(answer, req, runsAfter-runs, lookedAfter-looked)
	}
	type chunked struct{ io.Reader } // whose length nobody knows
	s.want("announced", post("a", strings.NewReader(body("a", limit+1))), failed(413, "body-too-large", 0))
	s.ops[0].Sent = 0 // to the middleware alone
	s.want("chunked", post("b", chunked{strings.NewReader(body("b", limit+1))}), failed(413, "body-too-large", 1))
	digests = nil
	s.onCommit(faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.CutBoth})
	s.want("it fits", post("c", chunked{strings.NewReader(body("c", limit))}), once(2, 1))
	if want := sha256.Sum256([]byte(body("c", limit))); len(digests) != 2 || digests[0] != want || digests[1] != want {
		t.Errorf("the body was not the same: %x", digests)
	}
}
