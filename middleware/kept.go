package middleware

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/reprise-go/reprise/txctx"
)

// keep returns what is kept of the response with a key, and makes it say for how long.
// Call it after seal.
func (w *response) keep(limit int64, expires string) (txctx.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.body.Len() > limit {
		return txctx.Answer{}, &ResponseTooLargeError{Limit: limit, Keyed: true}
	}
	header := w.sent
	if w.code == 0 { // neither header nor body was written
		header = w.header
	}
	header.Set(headerExpires, expires)
	var body bytes.Buffer
	body.Grow(int(w.body.Len()))
	if _, err := w.body.WriteTo(&body); err != nil {
		return txctx.Answer{}, err
	}
	a := txctx.Answer{Status: w.code, Header: changes(w.out.Header(), header), Body: body.Bytes()}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	return a, nil
}

// changes returns what makes base into header, but for what must not be kept: values
// that were added or changed, and an empty list for those that were removed.
func changes(base, header http.Header) http.Header {
	kept := make(http.Header)
	for name, values := range header {
		if !slices.Equal(base[name], values) {
			kept[name] = values
		}
	}
	for name := range base {
		if _, ok := header[name]; !ok {
			kept[name] = []string{}
		}
	}
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			delete(kept, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	maps.DeleteFunc(kept, func(name string, _ []string) bool {
		return notKept[name] || strings.HasPrefix(name, http.TrailerPrefix)
	})
	return kept
}

// notKept are the headers that belong to one answer, to one connection (RFC 9110,
// section 7.6.1) or to one client.
var notKept = map[string]bool{
	"Set-Cookie":     true,
	"Date":           true,
	"Content-Length": true,

	"Connection":                true,
	"Keep-Alive":                true,
	"Proxy-Authenticate":        true,
	"Proxy-Authentication-Info": true,
	"Proxy-Connection":          true,
	"Te":                        true,
	"Trailer":                   true,
	"Transfer-Encoding":         true,
	"Upgrade":                   true,
}

// sendKept answers with what was kept of an earlier answer.
func sendKept(w http.ResponseWriter, a *txctx.Answer) error {
	h := w.Header()
	for name, values := range a.Header {
		if len(values) == 0 {
			delete(h, name)
		} else {
			h[name] = values
		}
	}
	h.Set(headerReplayed, "true")
	if bodyAllowed(a.Status) {
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	w.WriteHeader(a.Status)
	if len(a.Body) == 0 {
		return nil
	}
	_, err := w.Write(a.Body)
	return err
}
