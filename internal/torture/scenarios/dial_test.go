package scenarios

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/retryable"
)

// dialRefused: the connection of the pool is dead, and no other can be made at first.
// The policy waits for it, so the handler runs once.
func dialRefused(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{})
	s.bed.Proxy.CutAll(faultproxy.RST)
	s.bed.Proxy.Refuse(true)
	before := s.bed.Proxy.Dials()
	done := make(chan seen)
	go func() { done <- s.try(nil) }()
	dbtest.Eventually(t, "two dials", func() bool { return s.bed.Proxy.Dials() >= before+2 })
	s.bed.Proxy.Refuse(false)
	s.want("dial-refused", <-done, once(1, 0))
}

// stalePool: all connections of the pool died with their server, in order and without
// warning. The requests that meet them must not even be replayed.
func stalePool(t *testing.T, e torture.Engine) {
	const conns = 6
	var together sync.WaitGroup
	var filled atomic.Bool
	policy := torture.Patient()
	policy.MaxRetries = retryable.NoRetries
	s := newStage(t, e, setup{
		bed: torture.BedOptions{Own: true}, app: torture.AppOptions{Conns: conns, Isolation: sql.LevelReadCommitted}, policy: policy,
		before: func(h hook) {
			if !filled.Load() {
				h.value(`select 1`)
				together.Done()
				together.Wait() // each has a connection
			}
		},
	})
	all := func() {
		t.Helper()
		var wg sync.WaitGroup
		for range conns {
			wg.Go(func() {
				if got, err := s.request(context.Background(), s.another(), nil); err != nil || got.Status != 200 {
					t.Errorf("%d %s %v", got.Status, got.Body, err)
				}
			})
		}
		wg.Wait()
	}
	together.Add(conns)
	all()
	filled.Store(true)
	for name, restart := range map[string]func() error{
		"fast":    func() error { return s.bed.Server.FastRestart(context.Background()) },
		"kill -9": s.crash,
	} {
		runs := s.app.Runs()
		if err := restart(); err != nil {
			t.Fatal(err)
		}
		all()
		if n := s.app.Runs() - runs; n != conns {
			t.Errorf("%s: handlers ran %d times for %d requests", name, n, conns)
		}
	}
}

// crash is kill -9 of the server, which is then started again.
func (s *stage) crash() error {
	if err := s.bed.Server.Kill(); err != nil {
		return err
	}
	return s.bed.Server.StartAgain(context.Background())
}
