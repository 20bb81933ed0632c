package scenarios

import (
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/txctx"
)

// cutAfterBegin: the connection is gone when the transaction has begun, with BEGIN or, on
// MariaDB, with the first statement.
func cutAfterBegin(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{before: func(h hook) {
		if h.attempt == 1 && e == torture.MariaDB {
			h.value(`select 1`)
			h.bed.Proxy.CutAll(faultproxy.FIN)
		}
	}})
	if e == torture.MariaDB {
		s.want("cut-after-begin", s.try(nil), once(2, 0))
		return
	}
	k := trick{rule: func(*torture.Bed) faultproxy.Rule {
		return faultproxy.Rule{When: pgproxy.Tag("BEGIN"), Then: faultproxy.CutBoth}
	}}
	s.want("cut-after-begin", k.play(s), once(2, 0))
}

func cutUp(t *testing.T, e torture.Engine)   { cutEverywhere(t, e, faultproxy.Up) }
func cutDown(t *testing.T, e torture.Engine) { cutEverywhere(t, e, faultproxy.Down) }

// cutEverywhere cuts the connection of a request after each of the bytes of one
// direction. It takes effect once, wherever that is.
func cutEverywhere(t *testing.T, e torture.Engine, dir faultproxy.Dir) {
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{fresh: true, variant: v})
		step := form(17, 1)
		replayed, bytes := 0, int64(0)
		for ; ; bytes += int64(step) {
			when := faultproxy.Byte(dir, bytes)
			hit := s.bed.Proxy.Add(faultproxy.Rule{When: when, Do: faultproxy.Drop, Then: faultproxy.CutBoth})
			got := s.try(nil)
			hit.Remove()
			if hit.Count() == 0 { // the request has no such byte
				break
			}
			s.want(when.String(), got, once(1+min(got.attempt-1, 1), min(got.looked, 1)))
			replayed += got.attempt - 1
		}
		looked := s.app.Count(txctx.OutcomeLookedUp)
		if replayed == 0 || looked == 0 && step == 1 {
			t.Error("the cuts prove little")
		}
		t.Logf("%d bytes in steps of %d, %d replays, %d look-ups", bytes, step, replayed, looked)
	})
}

// slowStatementGone: the connection is lost in the middle of a slow statement, which the
// server goes on with, and its locks stay until it has ended.
func slowStatementGone(t *testing.T, e torture.Engine) {
	slow := `select pg_sleep(1)::text`
	if e == torture.MariaDB {
		slow = `select sleep(1)`
	}
	policy := torture.Patient()
	policy.AttemptTimeout = 10 * time.Second
	s := newStage(t, e, setup{policy: policy, after: func(h hook) {
		if h.attempt == 1 { // with its row locked
			_ = h.app.Tx(h.ctx).Exec(h.ctx, slow)
		}
	}})
	began := time.Now()
	k := trick{rule: func(*torture.Bed) faultproxy.Rule {
		return faultproxy.Rule{When: faultproxy.SQL(slow), Then: faultproxy.CutBoth}
	}}
	s.want("slow-statement-gone", k.play(s), once(2, 0))
	if took := time.Since(began); took < 800*time.Millisecond {
		t.Errorf("the orphan was not waited for: %v", took)
	}
}
