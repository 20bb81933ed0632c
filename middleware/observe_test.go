package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// finished serves a request and returns its last event.
func finished(t *testing.T, db txctx.DB, r *http.Request, h http.HandlerFunc) (last txctx.Event) {
	t.Helper()
	cfg := middleware.Config{Observe: func(_ context.Context, ev txctx.Event) { last = ev }}
	serve(wrap(t, db, cfg, h), r)
	if last.Kind != txctx.RequestFinished {
		t.Fatalf("the last event is %v", last.Kind)
	}
	return last
}

// TestTheLastEventSaysWhatWasHeld: what was read of the body, and the response of the
// last attempt, in memory or not.
//
// Mutation seen to fail it: held without the body; without the response.
func TestTheLastEventSaysWhatWasHeld(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		r    *http.Request
		read int
		want int64
	}{
		"nothing": {get("/"), 0, 0},
		"body":    {post(pattern(100)), 1000, 100},
		"half":    {post(pattern(100)), 50, 50},
		"file":    {post(pattern(100 * kib)), 200 * kib, 100 * kib},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last := finished(t, doomedOnce(), tt.r, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadFull(r.Body, make([]byte, tt.read))
				_, _ = io.WriteString(w, strings.Repeat("x", number(r)))
				_ = exec(r.Context(), "a")
			})
			if want := tt.want + 2; last.Held != want || !last.Protected { // two of the second attempt
				t.Errorf("held %d, want %d; protected %t", last.Held, want, last.Protected)
			}
		})
	}
}

func TestHalfABodyIsAGapOfItsOwn(t *testing.T) {
	t.Parallel()
	read := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }
	half := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if last := finished(t, fakedb.New(), half, read); last.Gap != txctx.GapBody || last.Protected {
		t.Errorf("half a body: %v, protected %t", last.Gap, last.Protected)
	}
	mail := func(_ http.ResponseWriter, r *http.Request) { txctx.DisableReplay(r.Context(), "mail") }
	if last := finished(t, fakedb.New(), post("x"), mail); last.Gap != txctx.GapDisabled || last.Why != "mail" {
		t.Errorf("disabled: %v %q", last.Gap, last.Why)
	}
}

// TestAnAttemptHasAContextOfItsOwn: that of the request which the handler gets.
func TestAnAttemptHasAContextOfItsOwn(t *testing.T) {
	t.Parallel()
	type key struct{}
	var got []any
	cfg := middleware.Config{AttemptContext: func(ctx, _ context.Context, attempt int) context.Context {
		return context.WithValue(ctx, key{}, attempt)
	}}
	serve(wrap(t, doomedOnce(), cfg, func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Context().Value(key{}))
		_ = exec(r.Context(), "a")
	}), get("/"))
	if diff := cmp.Diff([]any{1, 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestOneLineForARequestThatWasReplayed, or failed, with all causes.
//
// Mutation seen to fail it: log only where err is not nil; drop ex.replay's causes.
func TestOneLineForARequestThatWasReplayed(t *testing.T) {
	t.Parallel()
	deadlock := fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)}
	lost := fakedb.Attempt{CommitErr: errors.New("lost"), Outcome: txctx.Unknown}
	write := func(r *http.Request) error { return exec(r.Context(), "a") }
	type line struct {
		Level, Msg, Method, Path, Error, Run string
		Attempts                             int
		Causes                               []string
	}
	for name, tt := range map[string]struct {
		db   *fakedb.DB
		h    func(*http.Request) error
		want []line
	}{
		"first attempt": {fakedb.New(), write, nil},
		"replayed": {fakedb.New(deadlock, deadlock), write, []line{{
			Level: "INFO", Msg: "reprise: request replayed", Attempts: 3, Causes: []string{"fake deadlock", "fake deadlock"},
		}}},
		"exhausted": {fakedb.New(deadlock, deadlock), func(r *http.Request) error {
			if number(r) == 2 {
				txctx.DisableReplay(r.Context(), "mail")
			}
			return write(r)
		}, []line{{
			Level: "WARN", Msg: "reprise: request failed", Error: "gave up after attempt 2 (replay disabled: mail): fake deadlock",
			Attempts: 2, Causes: []string{"fake deadlock", "fake deadlock"},
		}}},
		"failed in a replay": {fakedb.New(deadlock), func(r *http.Request) error {
			if err := write(r); err != nil {
				return err
			}
			return errors.New("a bug")
		}, []line{{
			Level: "ERROR", Msg: "reprise: request failed", Error: "a bug", Attempts: 2, Causes: []string{"fake deadlock"},
		}}},
		"unknown": {fakedb.New(deadlock, lost), write, []line{{
			Level: "WARN", Msg: "reprise: request failed", Error: "outcome of COMMIT unknown: lost", Run: "a UUID",
			Attempts: 2, Causes: []string{"fake deadlock"},
		}}},
		"unknown at once": {fakedb.New(lost), write, []line{{
			Level: "WARN", Msg: "reprise: request failed", Error: "outcome of COMMIT unknown: lost", Run: "a UUID",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logs bytes.Buffer
			cfg := middleware.Config{Logger: slog.New(slog.NewJSONHandler(&logs, nil))}
			h := layer(t, tt.db, cfg)(middleware.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error { return tt.h(r) }))
			w := serve(h, post("x"))
			var got []line
			for dec := json.NewDecoder(&logs); dec.More(); {
				var l line
				if err := dec.Decode(&l); err != nil {
					t.Fatal(err)
				}
				if l.Run != "" && strings.Contains(w.Body.String(), "urn:uuid:"+l.Run) { // the client's
					l.Run = "a UUID"
				}
				if l.Method != http.MethodPost || l.Path != "/" {
					t.Errorf("%s %s", l.Method, l.Path)
				}
				l.Method, l.Path = "", ""
				got = append(got, l)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
