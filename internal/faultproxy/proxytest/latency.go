package proxytest

import (
	"slices"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// Latency adds 1 ms of it to what ping takes, a round trip. It does not run
// beside other tests.
func Latency(t *testing.T, p *faultproxy.Proxy, ping func() error) {
	measure := func() (low, middle time.Duration) {
		all := make([]time.Duration, 200)
		for i := range all {
			began := time.Now()
			if err := ping(); err != nil {
				t.Fatal(err)
			}
			all[i] = time.Since(began)
		}
		slices.Sort(all)
		return all[0], all[len(all)/2]
	}
	low0, middle0 := measure()
	p.SetLatency(500*time.Microsecond, 500*time.Microsecond)
	low, middle := measure()
	t.Logf("lowest and median round trip: %v, %v; with 1 ms: %v, %v", low0, middle0, low, middle)
	if low < time.Millisecond {
		t.Errorf("too fast: %v", low)
	}
	if extra := low - low0; extra > 1500*time.Microsecond {
		t.Errorf("too slow: %v more", extra)
	}
}
