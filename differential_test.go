package reprise_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// handlers vary in how they answer; bare and wrapped they must be the same to a
// client when nothing fails.
var handlers = map[string]http.HandlerFunc{
	"hello":        func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") },
	"implicit 200": func(w http.ResponseWriter, r *http.Request) {},
	"header alone": func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Thing", "7") },
	"created":      func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated) },
	"204": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		if _, err := io.WriteString(w, "x"); err != http.ErrBodyNotAllowed {
			panic(err)
		}
	},
	"304": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.WriteHeader(http.StatusNotModified)
	},
	"redirect":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
	"not found": http.NotFound,
	"cookies": func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		io.WriteString(w, "ok")
	},
	"headers after the body are ignored": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Before", "1")
		io.WriteString(w, "ok")
		w.Header().Set("X-After", "1")
		w.WriteHeader(http.StatusTeapot)
	},
	"sniffed html": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<!DOCTYPE html><title>x</title>") },
	"explicit length": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "hello")
		if _, err := io.WriteString(w, "!"); err != http.ErrContentLength {
			panic(err)
		}
	},
	"many writes":   func(w http.ResponseWriter, r *http.Request) { writeMany(w, 100, 1000) },
	"beyond memory": func(w http.ResponseWriter, r *http.Request) { writeMany(w, 300, 1000) },
	"ServeContent": func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "x.txt", time.Unix(1e9, 0), strings.NewReader("0123456789"))
	},
	"trailers": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, X-Never")
		io.WriteString(w, strings.Repeat("body ", 1000))
		w.Header().Set("X-Sum", "42")
		w.Header().Set("X-No-Trailer", "1")
	},
	"undeclared trailers": func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("body ", 1000))
		w.Header().Set(http.TrailerPrefix+"X-Late", "1")
	},
	"echo": func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d %v", r.Method, b, r.ContentLength, err)
	},
	"form": func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q %q %v", r.FormValue("a"), r.PostFormValue("b"), r.Form)
	},
	"no content type": func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "ok")
	},
	"early hints": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	},
}

func writeMany(w io.Writer, n, size int) {
	for i := range n {
		w.Write(bytes.Repeat([]byte{byte('a' + i%26)}, size))
	}
}

// seen is an answer as a client sees it, but for what may differ: Date, and
// whether the length was announced.
type seen struct {
	Status  int
	Header  http.Header
	Body    string
	Trailer http.Header
}

func ask(t *testing.T, srv *httptest.Server, req *http.Request) seen {
	t.Helper()
	u := *req
	u.URL = mustParse(t, srv.URL+"/api/things/7")
	u.Close = true // net/http drops connections without notice, such as after a wrong Content-Length
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(&u)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Date", "Content-Length"} {
		resp.Header.Del(name)
	}
	return seen{resp.StatusCode, resp.Header, string(b), resp.Trailer}
}

// TestDifferential: bare and wrapped handlers answer alike.
//
// Mutations seen to fail it: send trailers before the body; set Content-Length
// beside trailers; let a 1xx end the header; take the header from the end of the
// handler instead of WriteHeader.
func TestDifferential(t *testing.T) {
	requests := map[string]func() *http.Request{
		"GET":   func() *http.Request { return newRequest("GET", "", "") },
		"HEAD":  func() *http.Request { return newRequest("HEAD", "", "") },
		"range": func() *http.Request { r := newRequest("GET", "", ""); r.Header.Set("Range", "bytes=2-5"); return r },
		"POST":  func() *http.Request { return newRequest("POST", "text/plain", "some body") },
		"form":  func() *http.Request { return newRequest("POST", "application/x-www-form-urlencoded", "a=1&b=2") },
		"conditional": func() *http.Request {
			r := newRequest("GET", "", "")
			r.Header.Set("If-Modified-Since", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
			return r
		},
	}
	forRouters(t, func(t *testing.T, router func(func(http.Handler) http.Handler, http.Handler) http.Handler) {
		url := newDatabase(t)
		for name, h := range handlers {
			t.Run(name, func(t *testing.T) {
				bare := httptest.NewUnstartedServer(router(func(next http.Handler) http.Handler { return next }, h))
				bare.Config.ErrorLog = log.New(io.Discard, "", 0) // it does not like some of the handlers
				bare.Start()
				t.Cleanup(bare.Close)
				wrapped := newApp(t, options{router: router, url: url}, h)
				for what, req := range requests {
					want := ask(t, bare, req())
					got := ask(t, wrapped.srv, req())
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s (-bare +wrapped):\n%s", what, diff)
					}
				}
			})
		}
	})
}

func newRequest(method, contentType, body string) *http.Request {
	req, err := http.NewRequest(method, "http://x/?a=0", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}
