package middleware_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Mutation: every attempt reads on where the last one stopped.
func TestRule07_EachAttemptReadsTheBodyFromItsFirstByte(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"empty": 0, "small": 100, "64 KiB": 64 * kib, "temp file": 200 * kib} {
		for reads, first := range map[string]int{"unread": 0, "partly read": size / 2, "whole": size + 1} {
			for how, body := range map[string]func(string) io.Reader{
				"with length": func(s string) io.Reader { return strings.NewReader(s) },
				"chunked":     func(s string) io.Reader { return chunked(iotest.DataErrReader(strings.NewReader(s))) },
			} {
				t.Run(name+" "+reads+" "+how, func(t *testing.T) {
					t.Parallel()
					db := fakedb.New(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)},
						fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)})
					want := pattern(size)
					h := wrap(t, db, middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
						limit := int64(size + 1)
						if number(r) == 1 {
							limit = int64(first)
						}
						got, err := io.ReadAll(io.LimitReader(r.Body, limit))
						if err != nil || string(got) != want[:min(limit, int64(size))] {
							t.Errorf("attempt %d: %d bytes, %v, or other bytes", number(r), len(got), err)
						}
						_ = exec(r.Context(), "a")
					})
					wantStatus(t, serve(h, httptest.NewRequest(http.MethodPost, "/", body(want))), http.StatusOK)
					wantCommitted(t, db, "a")
				})
			}
		}
	}
}

// Mutation: leave the fence out of attempt.
func TestRule07_HalfABodyFailsOnceWithoutReplay(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(ctx *http.Request, err error){
		"error ignored": func(*http.Request, error) {},
		"doomed":        func(r *http.Request, _ error) { _ = exec(r.Context(), "a") },
		"failed":        func(r *http.Request, err error) { txctx.Fail(r.Context(), err) },
		"retry thrown":  func(*http.Request, error) { panic(retryable.ErrRetry) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := doomedOnce()
			n := 0
			h := wrap(t, db, middleware.Config{}, func(w http.ResponseWriter, r *http.Request) {
				n++
				got, err := io.ReadAll(r.Body)
				if len(got) != 100*kib || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
				_, _ = io.WriteString(w, "all well")
				end(r, err)
			})
			half := io.MultiReader(strings.NewReader(pattern(100*kib)), iotest.ErrReader(io.ErrUnexpectedEOF))
			w := serve(h, httptest.NewRequest(http.MethodPost, "/", half))
			wantStatus(t, w, http.StatusBadRequest)
			if n != 1 || strings.Contains(w.Body.String(), "all well") || !strings.Contains(w.Body.String(), "body-incomplete") {
				t.Errorf("%d attempts, body %q", n, w.Body)
			}
			wantCommitted(t, db)
		})
	}
}

// Mutation: leave the check out of run.
func TestRule07_AContentLengthBeyondMaxBodyIs413BeforeTheHandler(t *testing.T) {
	t.Parallel()
	h := wrap(t, fakedb.New(), middleware.Config{MaxBody: 10}, func(http.ResponseWriter, *http.Request) {
		t.Error("the handler ran")
	})
	w := serve(h, post("elevenbytes"))
	wantStatus(t, w, http.StatusRequestEntityTooLarge)
	if !strings.Contains(w.Body.String(), "body-too-large") {
		t.Errorf("body %q", w.Body)
	}
}

// Mutation: leave out the failure of the body where the handler succeeds.
func TestRule07_ALongerChunkedBodyIs413WhateverTheHandlerAnswers(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(http.ResponseWriter, *http.Request){
		"success":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") },
		"400":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) },
		"commit":    func(_ http.ResponseWriter, r *http.Request) { txctx.Commit(r.Context()) },
		"rollback":  func(_ http.ResponseWriter, r *http.Request) { txctx.Rollback(r.Context()) },
		"doomed":    func(_ http.ResponseWriter, r *http.Request) { txctx.Fail(r.Context(), retryable.ErrRetry) },
		"thrown":    func(http.ResponseWriter, *http.Request) { panic(retryable.ErrRetry) },
		"statement": func(_ http.ResponseWriter, r *http.Request) { _ = exec(r.Context(), "b") },
	} {
		for _, limit := range []int{10, 100 * kib} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				db := fakedb.New()
				n := 0
				h := wrap(t, db, middleware.Config{MaxBody: int64(limit)}, func(w http.ResponseWriter, r *http.Request) {
					n++
					_ = exec(r.Context(), "a")
					got, err := io.ReadAll(r.Body)
					tooLarge, ok := errors.AsType[*http.MaxBytesError](err)
					if !ok || tooLarge.Limit != int64(limit) || string(got) != pattern(limit) {
						t.Errorf("read %d bytes, %v", len(got), err)
					}
					if m, err := r.Body.Read(make([]byte, 1)); m != 0 || err == nil {
						t.Errorf("and then %d, %v", m, err)
					}
					end(w, r)
				})
				body := chunked(strings.NewReader(pattern(limit + 1)))
				wantStatus(t, serve(h, httptest.NewRequest(http.MethodPost, "/", body)), http.StatusRequestEntityTooLarge)
				if n != 1 {
					t.Errorf("%d attempts", n)
				}
				wantCommitted(t, db)
			})
		}
	}
}

func TestRule07_ABodyOfExactlyMaxBodyFits(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{10, math.MaxInt64 - 1, math.MaxInt64} {
		h := wrap(t, doomedOnce(), middleware.Config{MaxBody: limit}, func(_ http.ResponseWriter, r *http.Request) {
			if got, err := io.ReadAll(r.Body); string(got) != "ten bytes!" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			_ = exec(r.Context(), "a")
		})
		body := chunked(strings.NewReader("ten bytes!"))
		wantStatus(t, serve(h, httptest.NewRequest(http.MethodPost, "/", body)), http.StatusOK)
	}
}

func TestAnUnreadBodyIsNotTouched(t *testing.T) {
	t.Parallel()
	h := wrap(t, doomedOnce(), middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		_ = exec(r.Context(), "a")
	})
	body := iotest.ErrReader(errors.New("the body was read"))
	wantStatus(t, serve(h, httptest.NewRequest(http.MethodPost, "/", body)), http.StatusOK)
}

func TestAClosedBodyIsOpenAgainInTheNextAttempt(t *testing.T) {
	t.Parallel()
	h := wrap(t, doomedOnce(), middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		if got, _ := io.ReadAll(io.LimitReader(r.Body, 3)); string(got) != "abc" {
			t.Errorf("attempt %d: %q", number(r), got)
		}
		_ = r.Body.Close()
		if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("read after close: %v", err)
		}
		_ = exec(r.Context(), "a")
	})
	wantStatus(t, serve(h, post("abcdef")), http.StatusOK)
}

// A broken disk is the server's fault, and no replay mends it.
func TestABodyThatCannotBeKeptIs500(t *testing.T) {
	t.Parallel()
	dir := brokenDir(t)
	n := 0
	h := middleware.New(fakedb.New(), middleware.Config{Retry: hasty, Logger: quiet, TempDir: dir.path})(
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			n++
			dir.smash()
			if _, err := io.ReadAll(r.Body); err == nil {
				t.Error("the body was read")
			}
		}))
	wantStatus(t, serve(h, post(pattern(100*kib))), http.StatusInternalServerError)
	if n != 1 {
		t.Errorf("%d attempts", n)
	}
}

// FuzzRule07_EachAttemptSeesTheSameBytes reads a random body in random pieces,
// for random lengths, in every attempt.
func FuzzRule07_EachAttemptSeesTheSameBytes(f *testing.F) {
	f.Add([]byte("hello"), uint64(1), uint16(1), true)
	f.Add([]byte(""), uint64(2), uint16(3), false)
	f.Add([]byte(pattern(1000)), uint64(3), uint16(200), true)
	f.Add([]byte(pattern(100)), uint64(4), uint16(1), false)
	f.Fuzz(func(t *testing.T, seed []byte, random uint64, repeat uint16, known bool) {
		body := bytes.Repeat(seed, int(repeat%512))
		rnd := rand.New(rand.NewPCG(random, 0))
		db := fakedb.New()
		h := middleware.New(db, middleware.Config{Retry: hasty})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			stop := rnd.IntN(len(body) + 2)
			if number(r) == 4 {
				stop = len(body) + 1
			}
			var got []byte
			for len(got) < stop {
				p := make([]byte, rnd.IntN(min(stop-len(got), 100_000)+1))
				n, err := r.Body.Read(p)
				got = append(got, p[:n]...)
				if err == io.EOF {
					if len(got) != len(body) {
						t.Errorf("attempt %d ends after %d of %d bytes", number(r), len(got), len(body))
					}
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.HasPrefix(body, got) {
				t.Errorf("attempt %d reads other bytes", number(r))
			}
			if number(r) < 4 {
				txctx.Fail(r.Context(), retryable.ErrRetry)
				return
			}
			_, _ = w.Write(got)
		}))
		var source io.Reader = bytes.NewReader(body)
		if !known {
			source = chunked(iotest.HalfReader(source))
		}
		w := serve(h, httptest.NewRequest(http.MethodPost, "/", source))
		if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), body) {
			t.Errorf("%d, %d bytes, want %d", w.Code, w.Body.Len(), len(body))
		}
	})
}
