package txtest

import "net/http"

// Transport returns base, watched: requests that it sends in both attempts are reported,
// since the first attempt was rolled back, and they were not. Those with a safe method
// are not, and neither are those with the same Idempotency-Key. A nil base is
// http.DefaultTransport.
func (s *Shaker) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return transport{s, base}
}

type transport struct {
	s    *Shaker
	base http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if trial := t.s.trial(); trial != nil && !safe(r.Method) {
		trial.effect(effect{
			name: r.Method + " " + r.URL.Scheme + "://" + r.URL.Host + r.URL.Path, // no secrets
			key:  r.Header.Get("Idempotency-Key"),
		})
	}
	return t.base.RoundTrip(r)
}

func safe(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}
