package proxytest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// Storm works through a schedule of faults with four clients: each comes to an
// end, and what was acknowledged is there. insert inserts a row with id 1 in a
// transaction, through the proxy.
func (tab Table) Storm(t *testing.T, insert func(context.Context) error) {
	var drawn atomic.Int64
	tab.Proxy.SetSchedule(faultproxy.Schedule{Seed: 1, EveryConns: 3, EveryMessages: 40, Logf: func(string, ...any) {
		drawn.Add(1)
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var acknowledged, failed atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if insert(ctx) == nil {
					acknowledged.Add(1)
				} else {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		t.Fatal("a client hung")
	}
	n, faults := int64(tab.Rows(t, 1)), tab.Proxy.Faults()
	t.Logf("%d faults drawn, %d fired; %d acknowledged, %d failed, %d rows", drawn.Load()-1, faults, acknowledged.Load(), failed.Load(), n)
	if n < acknowledged.Load() || n > 200 {
		t.Errorf("%d rows, %d acknowledged", n, acknowledged.Load())
	}
	if faults == 0 || failed.Load() == 0 {
		t.Error("no faults")
	}
}
