package txtest

import (
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/reprise-go/reprise/txctx"
)

// record is what was seen of one attempt.
type record struct {
	number int

	mu         sync.Mutex
	over       bool // the handler has returned
	statements []string
	dials      int
	read       int64 // bytes of the request's body
	readErr    error // what ended it; nil if it was not read to its end
	written    bool
	status     int
	header     http.Header
	body       []byte
	late       []string // what came too late
}

// spy is inside of the middleware, and sees what every attempt does.
func spy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		t := trialOf(ctx)
		if t == nil || txctx.AttemptOf(ctx).Number == 0 {
			next.ServeHTTP(w, r)
			return
		}
		rec := t.begin(txctx.AttemptOf(ctx).Number)
		if rec == nil {
			next.ServeHTTP(w, r)
			return
		}
		rec.header = w.Header()
		reached := false
		defer func() {
			if !reached {
				t.finish()
			}
		}()
		txctx.Inject(ctx, txctx.Injection{Dial: rec.dialed, Statement: rec.sent, Stray: rec.stray})
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = spyBody{r.Body, rec}
		}
		next.ServeHTTP(spyWriter{w, rec}, r)
		reached = true
		if t.finish() && !txctx.AttemptOf(ctx).Last() {
			txctx.Fail(ctx, errShaken)
		}
	})
}

func (rec *record) finish() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.over = true
	rec.head(http.StatusOK)
}

// head is the header as it is sent with the first byte.
func (rec *record) head(status int) {
	if !rec.written {
		rec.written, rec.status, rec.header = true, status, rec.header.Clone()
	}
}

func (rec *record) dialed() error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.dials++
	return nil
}

func (rec *record) sent(_ int, text string) error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.statements = append(rec.statements, text)
	return nil
}

func (rec *record) stray(text string) {
	what := "a statement"
	if text != "" {
		what += " (" + text + ")"
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.tooLate(what)
}

// tooLate notes what came after the end of the attempt, once.
func (rec *record) tooLate(what string) {
	if !slices.Contains(rec.late, what) {
		rec.late = append(rec.late, what)
	}
}

func (rec *record) used() bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.dials > 0 || len(rec.statements) > 0
}

// spyBody is the body of an attempt's request.
type spyBody struct {
	io.ReadCloser
	rec *record
}

// Read implements [io.Reader].
func (b spyBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.rec.mu.Lock()
	defer b.rec.mu.Unlock()
	if b.rec.over {
		b.rec.tooLate("a read of the request")
		return n, err
	}
	b.rec.read += int64(n)
	if err != nil {
		b.rec.readErr = err
	}
	return n, err
}

// spyWriter is the answer of an attempt. Deadlines pass by it; more the middleware does
// not allow.
type spyWriter struct {
	http.ResponseWriter
	rec *record
}

// WriteHeader implements [http.ResponseWriter].
func (w spyWriter) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	w.rec.mu.Lock()
	defer w.rec.mu.Unlock()
	switch {
	case w.rec.over:
		w.rec.tooLate("a write of the answer")
	case status >= 200 || status == http.StatusSwitchingProtocols:
		w.rec.head(status)
	}
}

// Write implements [http.ResponseWriter].
func (w spyWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.rec.mu.Lock()
	defer w.rec.mu.Unlock()
	if w.rec.over {
		w.rec.tooLate("a write of the answer")
		return n, err
	}
	w.rec.head(http.StatusOK)
	w.rec.body = append(w.rec.body, p[:n]...)
	return n, err
}

// WriteString implements [io.StringWriter].
func (w spyWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// Unwrap is for http.ResponseController.
func (w spyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
