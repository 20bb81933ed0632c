package middleware_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/middleware"
)

type key struct{}

// describe is all of a request that a handler can change.
func describe(r *http.Request) string {
	user, _, _ := r.BasicAuth()
	return fmt.Sprintf("%s %s %s host=%s form=%v post=%v multipart=%v ctx=%v user=%s pattern=%q path=%q header=%v te=%v trailer=%v",
		r.Method, r.URL, r.RequestURI, r.Host, r.Form, r.PostForm, r.MultipartForm != nil, r.Context().Value(key{}),
		user, r.Pattern, r.PathValue("id"), r.Header, r.TransferEncoding, r.Trailer)
}

// spoil changes all of it.
func spoil(r *http.Request) {
	_ = r.ParseForm()
	r.Form.Set("spoilt", "x")
	r.Method, r.Host, r.RequestURI, r.Pattern = "SPOILT", "spoilt", "/spoilt", "spoilt"
	r.URL.Path, r.URL.RawQuery, r.URL.Host = "/spoilt", "spoilt=1", "spoilt"
	r.Header.Set("X-Spoilt", "1")
	r.Header["X-Kept"][0] = "spoilt"
	r.Header.Del("Authorization")
	r.SetPathValue("id", "spoilt")
	*r = *r.WithContext(context.WithValue(r.Context(), key{}, "spoilt"))
}

// Mutation: reuse the first attempt's clone.
func TestRule06_EachAttemptGetsTheRequestAsItArrived(t *testing.T) {
	t.Parallel()
	db := doomedOnce()
	var seen []string
	h := wrap(t, db, middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, describe(r))
		spoil(r)
		_ = exec(r.Context(), "a")
	})
	r := httptest.NewRequest(http.MethodPost, "/items/7?a=1", strings.NewReader("b=2"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Kept", "kept")
	r.SetBasicAuth("ada", "secret")
	r.SetPathValue("id", "7")
	r = r.WithContext(context.WithValue(r.Context(), key{}, "outer"))
	before := describe(r)
	wantStatus(t, serve(h, r), http.StatusOK)
	if diff := cmp.Diff([]string{before, before}, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.Pattern = "" // copied back on purpose
	if diff := cmp.Diff(before, describe(r)); diff != "" {
		t.Errorf("outer middleware's request has changed (-want +got):\n%s", diff)
	}
	wantCommitted(t, db, "a")
}

func TestRule06_TheFormIsParsedAnewByEachAttempt(t *testing.T) {
	t.Parallel()
	h := wrap(t, doomedOnce(), middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		if r.Form != nil {
			t.Errorf("attempt %d: parsed already", number(r))
		}
		if got := r.FormValue("a") + r.PostFormValue("b"); got != "12" {
			t.Errorf("attempt %d: form %v", number(r), r.Form)
		}
		r.Form.Set("a", "spoilt")
		_ = exec(r.Context(), "a")
	})
	r := httptest.NewRequest(http.MethodPost, "/?a=1", strings.NewReader("b=2"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	wantStatus(t, serve(h, r), http.StatusOK)
}

func TestRule06_WhatOuterMiddlewareParsedStays(t *testing.T) {
	t.Parallel()
	h := wrap(t, doomedOnce(), middleware.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		if diff := cmp.Diff(url.Values{"a": {"1"}}, r.Form); diff != "" {
			t.Errorf("attempt %d (-want +got):\n%s", number(r), diff)
		}
		r.Form.Set("a", "spoilt")
		_ = exec(r.Context(), "a")
	})
	r := get("/?a=1")
	_ = r.ParseForm()
	wantStatus(t, serve(h, r), http.StatusOK)
	if got := r.Form.Get("a"); got != "1" {
		t.Errorf("outer form %q", got)
	}
}

// upload is a request with a file that net/http stores in a temporary file.
func upload(t *testing.T, size int) *http.Request {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "name")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(part, pattern(size))
	_ = form.Close()
	r := httptest.NewRequest(http.MethodPost, "/", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return r
}

// Mutation: leave out removeFiles.
func TestRule06_MultipartFilesAreRemovedWithTheirAttempt(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // where net/http puts them
	h := wrap(t, doomedOnce(), middleware.Config{TempDir: dir}, func(_ http.ResponseWriter, r *http.Request) {
		if files, _ := os.ReadDir(dir); len(files) != 0 {
			t.Errorf("attempt %d finds %v", number(r), files)
		}
		if err := r.ParseMultipartForm(1); err != nil {
			t.Fatal(err)
		}
		if files, _ := os.ReadDir(dir); len(files) != 1 {
			t.Errorf("attempt %d has %v; the test is void", number(r), files)
		}
		file, _, err := r.FormFile("file")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if got, _ := io.ReadAll(file); string(got) != pattern(200*kib) {
			t.Errorf("attempt %d: other bytes", number(r))
		}
		_ = exec(r.Context(), "a")
	})
	wantStatus(t, serve(h, upload(t, 200*kib)), http.StatusOK)
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestRule06_MultipartFilesOfOuterMiddlewareStay(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	r := upload(t, 100*kib)
	if err := r.ParseMultipartForm(1); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	h := middleware.New(doomedOnce(), middleware.Config{Retry: hasty})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("file")
		if err != nil {
			t.Fatalf("attempt %d: %v", number(r), err)
		}
		_ = file.Close()
		_ = exec(r.Context(), "a")
	}))
	wantStatus(t, serve(h, r), http.StatusOK)
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("files %v, want outer middleware's", files)
	}
}

// FuzzRule06_HeaderOfADiscardedAttemptNeverShows: whatever an attempt does to
// the header of its request and of its response dies with it.
func FuzzRule06_HeaderOfADiscardedAttemptNeverShows(f *testing.F) {
	f.Add("Set-Cookie", "session=1", uint8(0))
	f.Add("X-Kept", "spoilt", uint8(1))
	f.Add("Trailer:X", "late", uint8(2))
	f.Add("", "", uint8(3))
	f.Add("Content-Length", "3", uint8(4))
	f.Fuzz(func(t *testing.T, name, value string, how uint8) {
		mutate := func(h http.Header) {
			switch how % 5 {
			case 0:
				h.Add(name, value)
			case 1:
				h.Set(name, value)
			case 2:
				h[name] = []string{value, value}
			case 3:
				clear(h)
			case 4:
				for _, values := range h {
					for i := range values {
						values[i] = value
					}
				}
				h.Set(name, value)
			}
		}
		db := doomedOnce()
		want := http.Header{"X-Kept": {"a", "b"}}
		h := middleware.New(db, middleware.Config{Retry: hasty})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if diff := cmp.Diff(want, w.Header()); diff != "" {
				t.Errorf("attempt %d begins with the response header (-want +got):\n%s", number(r), diff)
			}
			if diff := cmp.Diff(want, r.Header); diff != "" {
				t.Errorf("attempt %d begins with the request header (-want +got):\n%s", number(r), diff)
			}
			if number(r) == 1 {
				mutate(r.Header)
				mutate(w.Header())
				w.WriteHeader(http.StatusAccepted)
				mutate(w.Header())
			}
			_ = exec(r.Context(), "a")
		}))
		r := get("/")
		r.Header = want.Clone()
		w := httptest.NewRecorder()
		for name, values := range want {
			w.Header()[name] = append([]string(nil), values...)
		}
		h.ServeHTTP(w, r)
		if diff := cmp.Diff(want, w.Result().Header); diff != "" || w.Code != http.StatusOK {
			t.Errorf("%d (-want +got):\n%s", w.Code, diff)
		}
		if n := len(db.Committed()); n != 1 {
			t.Errorf("%d statements committed", n)
		}
	})
}
