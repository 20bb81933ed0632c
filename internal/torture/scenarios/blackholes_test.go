package scenarios

import (
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/txctx"
)

// commitBlackHole: the server never gets COMMIT, and keeps the transaction open until it
// is ended.
var commitBlackHole = trick{
	name: "commit-black-hole", want: once(2, 1),
	rule: func(*torture.Bed) faultproxy.Rule {
		return faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.BlackHole}
	},
}

// commitBlackHoleEnded is that, and nothing of it is left on the server, although the
// connection is still open there.
//
// Mutation seen to fail it: do not end the owner of the row (MariaDB).
func commitBlackHoleEnded(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{variant: v})
		s.want("unharmed", s.try(nil), once(1, 0))
		s.want(commitBlackHole.name, commitBlackHole.play(s), commitBlackHole.want)
		for what, query := range leftovers[e] {
			dbtest.Eventually(t, what, func() bool { return s.bed.Number(t, query) == 0 })
		}
	})
}

// replyBlackHole: the answer never comes, and the connection stays open.
func replyBlackHole(t *testing.T, e torture.Engine) {
	policy := torture.Patient()
	policy.CommitTimeout = time.Second
	k := trick{rule: func(*torture.Bed) faultproxy.Rule {
		return faultproxy.Rule{AwaitReply: true, Then: faultproxy.BlackHole}
	}}
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{variant: v, policy: policy})
		s.want("unharmed", s.try(nil), once(1, 0))
		began := time.Now()
		s.want("reply-black-hole", k.play(s), once(1, 1))
		if took := time.Since(began); took < time.Second {
			t.Errorf("it took only %v", took)
		}
	})
}

// allBlackHole: nothing passes until it is too late. Nobody can say what became of the
// request, and it is told so.
func allBlackHole(t *testing.T, e torture.Engine) {
	policy := torture.Patient()
	policy.CommitTimeout, policy.ResolveFor = 300*time.Millisecond, 700*time.Millisecond
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{variant: v, policy: policy, unknown: 2})
		for name, tt := range map[string]struct {
			rule    faultproxy.Rule
			effects string
		}{
			"committed":     {faultproxy.Rule{AwaitReply: true, Then: faultproxy.BlackHole}, "[1]"},
			"not committed": {faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.BlackHole}, "[]"},
		} {
			hit := s.onCommit(tt.rule)
			stop := s.when(hit, func() {
				if tt.rule.AwaitReply {
					<-hit.Done()
				}
				s.bed.Proxy.BlackHole(true)
			})
			got := s.try(nil)
			stop()
			s.want(name, got, unknown(tt.effects))
			if ev := s.lookedUp(); ev.Outcome != txctx.Unknown || ev.Err == nil {
				t.Errorf("%s: %+v", name, ev)
			}
			s.bed.Proxy.BlackHole(false)
			s.bed.Proxy.CutAll(faultproxy.RST)
			s.want("afterwards", s.try(nil), once(1, 0))
		}
	})
}

// lookedUp returns the last look-up.
func (s *stage) lookedUp() (last txctx.Event) {
	for _, ev := range s.app.Events() {
		if ev.Kind == txctx.OutcomeLookedUp {
			last = ev
		}
	}
	return last
}
