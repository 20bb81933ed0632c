package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestProbe makes a connection of its own, and leaves none.
//
// Mutation seen to fail it: do not close.
func TestProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		s    *server
		want retryable.Reason
		log  []string
	}{
		"up":            {&server{}, retryable.None, []string{"connect", "ping", "close"}},
		"nothing extra": {&server{bare: true}, retryable.None, []string{"connect", "close"}},
		"no connection": {&server{fail: map[string][]error{"connect": {io.ErrUnexpectedEOF}}}, retryable.Disconnected, []string{"connect"}},
		"no answer": {
			&server{fail: map[string][]error{"ping": {driver.ErrBadConn}}}, retryable.Disconnected, []string{"connect", "ping", "close"},
		},
		"refused": {&server{fail: map[string][]error{"connect": {errPlain}}}, retryable.None, []string{"connect"}},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDB(t, tt.s)
			err := db.Probe(t.Context())
			if up := len(tt.s.fail) == 0; up != (err == nil) || retryable.ReasonOf(err) != tt.want || errors.Is(err, driver.ErrBadConn) {
				t.Errorf("%v, reason %v", err, retryable.ReasonOf(err))
			}
			if got := tt.s.calls(); !slices.Equal(got, tt.log) || db.SQL().Stats().OpenConnections != 0 {
				t.Errorf("calls %v, %d in the pool", got, db.SQL().Stats().OpenConnections)
			}
		})
	}
}

// hushed is a server that does not answer dials while it is quiet.
type hushed struct {
	*server
	quiet atomic.Bool
}

func (h *hushed) Connect(ctx context.Context) (driver.Conn, error) {
	if h.quiet.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.server.Connect(ctx)
}

var once = retryable.Policy{MaxRetries: retryable.NoRetries}

// reasonOnce returns why a run of one attempt was doomed, and what it took.
func reasonOnce(db *sqladapter.DB) (retryable.Reason, time.Duration) {
	start := time.Now()
	var reason retryable.Reason
	_, _ = run(db, txctx.Options{Retry: once}, func(ctx context.Context) error {
		reason = retryable.ReasonOf(exec(ctx, "a"))
		return nil
	})
	return reason, time.Since(start)
}

// TestADialWithoutAnAnswer is no pool without room. When some have waited for theirs, all
// others are told at once.
//
// Mutations seen to fail it: Overloaded for all; dial twice; without Dialing.
func TestADialWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hushed{server: &server{}}
		db := sqladapter.New(h, sqladapter.Config{Classify: classify})
		defer db.Close()
		h.quiet.Store(true)
		start := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if reason, _ := reasonOnce(db); reason != retryable.Disconnected || time.Since(start) > 5400*time.Millisecond {
					t.Errorf("%v after %v", reason, time.Since(start))
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()

		h.quiet.Store(false)
		if reason, took := reasonOnce(db); reason != retryable.None || took > 100*time.Millisecond {
			t.Errorf("afterwards: %v, took %v", reason, took)
		}
		db.SQL().SetMaxOpenConns(1)
		conn, err := db.SQL().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if reason, took := reasonOnce(db); reason != retryable.Overloaded || took != 5*time.Second {
			t.Errorf("with a pool without room: %v, took %v", reason, took)
		}
	})
}

// TestABeginThatWasStopped is no transaction, though BEGIN succeeded.
//
// Mutation seen to fail it: do not ask Dialed.
func TestABeginThatWasStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{slow: 1}
		db := sqladapter.New(s, sqladapter.Config{Classify: classify})
		defer db.Close()
		var wg sync.WaitGroup
		wg.Go(func() {
			if reason, took := reasonOnce(db); reason != retryable.Disconnected || took != time.Second {
				t.Errorf("%v, took %v", reason, took)
			}
		})
		time.Sleep(time.Second)
		s.mu.Lock()
		s.fail = map[string][]error{"connect": slices.Repeat([]error{io.ErrUnexpectedEOF}, 3)}
		s.mu.Unlock()
		for range 3 {
			if reason, _ := reasonOnce(db); reason != retryable.Disconnected {
				t.Error(reason)
			}
		}
		wg.Wait()
		synctest.Wait()
		if calls := s.calls(); slices.Contains(calls, "a") || slices.Contains(calls, "commit") || !slices.Contains(calls, "rollback") {
			t.Errorf("calls %v", calls)
		}
	})
}
