package middleware

import (
	"bufio"
	"net"
	"net/http"
)

// watched knows whether an answer was begun. It keeps what net/http's writers can
// do, since it is used where the middleware is not: on streams and upgrades.
type watched struct {
	http.ResponseWriter
	begun bool
}

type (
	watchedFlusher  struct{ *watched }
	watchedHijacker struct{ watchedFlusher }
)

// watch returns w, watched.
func watch(w http.ResponseWriter) (http.ResponseWriter, *watched) {
	seen := &watched{ResponseWriter: w}
	if _, ok := w.(http.Flusher); !ok {
		return seen, seen
	}
	if _, ok := w.(http.Hijacker); !ok {
		return watchedFlusher{seen}, seen
	}
	return watchedHijacker{watchedFlusher{seen}}, seen
}

// WriteHeader implements http.ResponseWriter.
func (w *watched) WriteHeader(code int) {
	w.begun = w.begun || code >= 200 || code == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *watched) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w watchedFlusher) Flush() {
	w.begun = true
	w.ResponseWriter.(http.Flusher).Flush()
}

// Hijack implements http.Hijacker.
func (w watchedHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.begun = true
	return w.ResponseWriter.(http.Hijacker).Hijack()
}
