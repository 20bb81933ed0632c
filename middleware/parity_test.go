package middleware_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
)

// differ are handlers whose answers net/http treats with care.
var differ = map[string]http.HandlerFunc{
	"nothing":       func(http.ResponseWriter, *http.Request) {},
	"header only":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-A", "1") },
	"status only":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
	"small body":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello") },
	"empty write":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) },
	"204":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"204 with body": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204); _, _ = io.WriteString(w, "x") },
	"304":           func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", "x"); w.WriteHeader(304) },
	"304 with len": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "7")
		w.WriteHeader(304)
	},
	"redirect":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusSeeOther) },
	"error":         func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusConflict) },
	"second status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(202) },
	"own length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2")
		_, _ = w.Write([]byte("ab"))
	},
	"late header": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); w.Header().Set("X-Late", "1") },
	"own type": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "a/b")
		_, _ = w.Write([]byte("<html>"))
	},
	"no type": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = w.Write([]byte("<html>"))
	},
	"encoded": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "x")
		_, _ = w.Write([]byte("<html>"))
	},
	"two writes": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("a"))
		_, _ = w.Write([]byte("<html>"))
	},
	"served content": func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.txt", time.Time{}, strings.NewReader("0123456789"))
	},
	"trailer": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum, X-Other")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Sum", "7")
		w.Header().Set("X-Not-Announced", "7")
	},
	"early trailer": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-Sum", "6")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "body")
	},
}

// What the client sees is what net/http would have sent without the middleware,
// except that the length of long bodies is known. Mutation: set Content-Length
// always, or sniff nothing for HEAD.
func TestRule08_TheClientSeesWhatNetHTTPWouldSend(t *testing.T) {
	t.Parallel()
	for name, handler := range differ {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				plain, sealed := fetch(t, handler, method), fetch(t, layer(t, fakedb.New(), middleware.Config{})(handler), method)
				if diff := cmp.Diff(plain, sealed); diff != "" {
					t.Errorf("(-net/http +reprise):\n%s", diff)
				}
			})
		}
	}
}

type answer struct {
	Status          int
	Header, Trailer http.Header
	Length          int64
	Body            string
	Err             string
}

func fetch(t *testing.T, h http.Handler, method string) answer {
	t.Helper()
	server := newServer(t, h)
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		return answer{Err: err.Error()}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	a := answer{Status: res.StatusCode, Header: res.Header, Trailer: res.Trailer, Length: res.ContentLength, Body: string(body)}
	if err != nil {
		a.Err = err.Error()
	}
	a.Header.Del("Date")
	return a
}
