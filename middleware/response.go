package middleware

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/reprise-go/reprise/internal/spool"
	"github.com/reprise-go/reprise/txctx"
)

// ResponseTooLargeError fails a request whose handler wrote more than
// Config.MaxResponse, or with an Idempotency-Key more than Config.Keys.MaxAnswer. It
// is answered with 500.
type ResponseTooLargeError struct {
	Limit int64
	Keyed bool // it is that of Config.Keys
}

// Error names the limit.
func (e *ResponseTooLargeError) Error() string {
	if e.Keyed {
		return fmt.Sprintf("response body larger than Config.Keys.MaxAnswer (%d bytes)", e.Limit)
	}
	return fmt.Sprintf("response body larger than Config.MaxResponse (%d bytes)", e.Limit)
}

// response is the sealed answer of one attempt: nothing of it reaches the client
// before send. It has neither Unwrap nor Flush nor Hijack, on purpose, so that
// http.ResponseController answers http.ErrNotSupported.
type response struct {
	out    http.ResponseWriter
	head   bool // the request is HEAD
	limit  int64
	header http.Header // the handler's

	mu       sync.Mutex
	over     bool
	code     int         // 0 until the header is written
	sent     http.Header // header when it was written
	declared int64       // Content-Length the handler promised, -1 for none
	written  int64       // body bytes, also those of HEAD
	body     spool.Spool
	err      error
}

// sniffLen is how many bytes http.DetectContentType looks at.
const sniffLen = 512

// begin makes w an empty answer, which starts from what outer middleware has set.
func (w *response) begin(out http.ResponseWriter, r *http.Request, limit int64, dir string) {
	w.out, w.head, w.limit, w.declared = out, r.Method == http.MethodHead, limit, -1
	w.body.Dir = dir
	if w.header = out.Header().Clone(); w.header == nil {
		w.header = make(http.Header)
	}
}

// Header implements http.ResponseWriter. It starts as what outer middleware set.
// After the attempt it is one that nobody reads.
func (w *response) Header() http.Header {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return make(http.Header)
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter. Informational headers are dropped;
// only the first other one counts.
func (w *response) WriteHeader(code int) {
	if code < 100 || code > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", code)) // as net/http does
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(code)
}

func (w *response) writeHeader(code int) {
	informational := code < 200 && code != http.StatusSwitchingProtocols
	if w.over || w.code != 0 || informational {
		return
	}
	w.code = code
	w.sent = w.header.Clone()
	if cl := w.sent.Get("Content-Length"); cl != "" {
		n, err := strconv.ParseInt(cl, 10, 64)
		if err == nil && n >= 0 {
			w.declared = n
		} else {
			w.sent.Del("Content-Length") // as net/http does
		}
	}
}

// Write implements http.ResponseWriter. Beyond Config.MaxResponse it fails, and
// the request with it.
func (w *response) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return 0, txctx.ErrAttemptOver
	}
	w.writeHeader(http.StatusOK)
	switch {
	case w.err != nil:
		return 0, w.err
	case !bodyAllowed(w.code):
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p))
	switch {
	case w.declared >= 0 && w.written > w.declared:
		return 0, http.ErrContentLength
	case w.written > w.limit:
		w.err = &ResponseTooLargeError{Limit: w.limit}
		return 0, w.err
	}
	keep := p
	if w.head { // enough for the server to tell the content type, as it does for a bare handler
		keep = p[:max(0, min(len(p), sniffLen-int(w.body.Len())))]
	}
	n, err := w.body.Write(keep)
	if err != nil {
		w.err = err
		return n, err
	}
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// SetReadDeadline passes through to the connection.
func (w *response) SetReadDeadline(t time.Time) error {
	return w.control(func(rc *http.ResponseController) error { return rc.SetReadDeadline(t) })
}

// SetWriteDeadline passes through to the connection.
func (w *response) SetWriteDeadline(t time.Time) error {
	return w.control(func(rc *http.ResponseController) error { return rc.SetWriteDeadline(t) })
}

func (w *response) control(f func(*http.ResponseController) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return txctx.ErrAttemptOver
	}
	return f(http.NewResponseController(w.out))
}

// status returns the status as the client would see it.
func (w *response) status() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.code == 0 {
		return http.StatusOK
	}
	return w.code
}

// failure returns why the response cannot be sent, nil if it can.
func (w *response) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// seal ends the attempt for goroutines that kept the writer.
func (w *response) seal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}

// discard throws the body away.
func (w *response) discard() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	_ = w.body.Close()
}

// send writes the sealed response to the client.
func (w *response) send() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.out.Header()
	clear(out)
	if w.code == 0 { // neither header nor body was written
		maps.Copy(out, w.header)
		return nil
	}
	maps.Copy(out, w.sent)
	announced := w.sent.Values("Trailer")
	undeclared := w.copyUndeclaredTrailers(out)
	if w.declared < 0 && len(announced) == 0 && !undeclared && w.mayHaveLength() {
		out.Set("Content-Length", strconv.FormatInt(w.written, 10))
	}
	w.out.WriteHeader(w.code)
	var err error
	if w.body.Len() > 0 {
		_, err = w.body.WriteTo(w.out)
	}
	for _, line := range announced {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if values, ok := w.header[name]; ok {
				out[name] = values
			}
		}
	}
	return err
}

// copyUndeclaredTrailers copies the trailers that were set with
// http.TrailerPrefix, also those set after the header was written. net/http wants
// them before the header if the body is short.
func (w *response) copyUndeclaredTrailers(out http.Header) (any bool) {
	for name, values := range w.header {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			out[name] = values
			any = true
		}
	}
	return any
}

// mayHaveLength reports whether Content-Length can be told from what was
// written. A HEAD handler that wrote nothing has not said how long GET's answer
// would be.
func (w *response) mayHaveLength() bool {
	if !bodyAllowed(w.code) || w.sent.Get("Transfer-Encoding") != "" {
		return false
	}
	return w.written > 0 || !w.head
}

func bodyAllowed(code int) bool {
	return code >= 200 && code != http.StatusNoContent && code != http.StatusNotModified
}
