package middleware

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/reprise-go/reprise/internal/spool"
	"github.com/reprise-go/reprise/txctx"
)

// BodyError fails a request whose body did not arrive whole: Err is a
// *http.MaxBytesError (answered with 413) or what the connection to the client
// failed with (400). Such a request is never replayed.
type BodyError struct{ Err error }

// Error names the cause.
func (e *BodyError) Error() string { return "request body: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *BodyError) Unwrap() error { return e.Err }

// capture keeps what the attempts read of the request's body, so that each can
// read it from the first byte. What no attempt has read is still in the source.
type capture struct {
	orig *http.Request
	max  int64

	mu      sync.Mutex // held while the source is read: readers take turns
	spool   spool.Spool
	done    error       // the end of the source: io.EOF or what it failed with
	trailer http.Header // of the request, once done is io.EOF
	closed  atomic.Bool

	// For those who cannot wait for mu.
	failed atomic.Pointer[error] // why the request fails
	kept   atomic.Int64          // bytes in the spool
}

func newCapture(orig *http.Request, limit int64, dir string) *capture {
	return &capture{orig: orig, max: limit, spool: spool.Spool{Dir: dir}}
}

// fail remembers what readers get from now on, and why the request fails.
func (c *capture) fail(err, failure error) {
	c.done = err
	c.failed.Store(&failure)
}

// failure returns why the body is incomplete, nil if it is not known to be.
func (c *capture) failure() error {
	if c == nil {
		return nil
	}
	if err := c.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// readAt reads into p what stands at off, from the spool or else from the source.
func (c *capture) readAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	defer c.unlock()
	if c.closed.Load() {
		return 0, txctx.ErrAttemptOver
	}
	if off < c.spool.Len() {
		return c.spool.CopyAt(p, off)
	}
	if c.done != nil {
		return 0, c.done
	}
	// One byte beyond the limit tells a body that fits from one that does not.
	room := c.max - off
	if int64(len(p))-1 > room {
		p = p[:room+1]
	}
	n, err := c.orig.Body.Read(p)
	if int64(n) > room {
		n, err = int(room), &http.MaxBytesError{Limit: c.max}
	}
	if _, werr := c.spool.Write(p[:n]); werr != nil {
		c.fail(werr, werr)
		return 0, werr
	}
	c.kept.Store(c.spool.Len())
	switch {
	case err == io.EOF: //nolint:errorlint // io.Reader's contract
		c.done, c.trailer = err, c.orig.Trailer.Clone()
	case err != nil:
		c.fail(err, &BodyError{Err: err})
	}
	return n, err
}

// close removes the spool. Where a reader is still waiting for the client, it does
// so when it comes back: the request does not wait for it.
func (c *capture) close() {
	if c == nil {
		return
	}
	c.closed.Store(true)
	c.cleanUp()
}

func (c *capture) unlock() {
	c.mu.Unlock()
	if c.closed.Load() {
		c.cleanUp()
	}
}

func (c *capture) cleanUp() {
	if c.mu.TryLock() { // else whoever holds it comes by here after us
		_ = c.spool.Close()
		c.mu.Unlock()
	}
}

// bodyReader is the body of one attempt.
type bodyReader struct {
	c     *capture
	off   int64
	state atomic.Int32
	onEOF func(trailer http.Header)
}

const (
	bodyOpen int32 = iota
	bodyClosed
	bodyOver
)

// Read implements io.Reader.
func (b *bodyReader) Read(p []byte) (int, error) {
	switch b.state.Load() {
	case bodyClosed:
		return 0, http.ErrBodyReadAfterClose
	case bodyOver:
		return 0, txctx.ErrAttemptOver
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.c.readAt(p, b.off)
	if b.state.Load() == bodyOver {
		return 0, txctx.ErrAttemptOver
	}
	b.off += int64(n)
	if err == io.EOF && b.onEOF != nil { //nolint:errorlint // io.Reader's contract
		b.onEOF(b.c.trailer)
		b.onEOF = nil
	}
	return n, err
}

// Close implements io.Closer. The source stays open: a replay may need it.
func (b *bodyReader) Close() error {
	b.state.CompareAndSwap(bodyOpen, bodyClosed)
	return nil
}

func (b *bodyReader) seal() { b.state.Store(bodyOver) }
