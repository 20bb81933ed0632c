package scenarios

import (
	"fmt"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
)

// trick is a fault with a trigger, and what a request comes to that meets it.
type trick struct {
	name string
	// rule is for the message with COMMIT if it has no trigger of its own.
	rule func(b *torture.Bed) faultproxy.Rule
	// behind keeps the look-up waiting until the server has committed, which it may
	// otherwise overtake.
	behind bool
	want   seen
}

// play has a request meet the fault, and returns what it came to.
func (k trick) play(s *stage) seen {
	s.t.Helper()
	rule := k.rule(s.bed)
	if rule.When.String() == "" {
		rule.When = commit()
	}
	hit := s.bed.Proxy.Add(rule)
	stop := func() {}
	if k.behind {
		stop = s.behind(s.bed.Number(s.t, `select count(*) from happened`) + 1)
	}
	got := s.try(nil)
	stop()
	if hit.Count() != 1 {
		s.t.Errorf("%s: %d faults", rule, hit.Count())
	}
	hit.Release()
	hit.Remove()
	return got
}

// behind holds the next look-up until so many requests have taken effect.
func (s *stage) behind(effects int64) (stop func()) {
	hold := s.bed.Proxy.Add(faultproxy.Rule{When: s.o.variant.look(), Do: faultproxy.Hold})
	return s.when(hold, func() {
		dbtest.Within(s.t, 10*time.Second, "the COMMIT that was sent is done", func() bool {
			return s.bed.Number(s.t, `select count(*) from happened`) >= effects
		})
		hold.Release()
	})
}

// when calls do, on another goroutine, when a rule fires. stop waits for it, if that has
// happened, and ends the rule.
func (s *stage) when(hit *faultproxy.Hit, do func()) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-hit.Fired():
			do()
		case <-over:
		}
	}()
	return func() {
		select {
		case <-hit.Fired():
		default:
			close(over)
		}
		<-done
		hit.Remove()
	}
}

// play plays tricks, one after the other.
//
// Mutation seen to fail it: take a COMMIT without an answer for rolled back.
func play(tricks ...trick) func(*testing.T, torture.Engine) {
	return func(t *testing.T, e torture.Engine) {
		forVariants(t, e, func(t *testing.T, v variant) {
			s := newStage(t, e, setup{variant: v})
			s.want("unharmed", s.try(nil), once(1, 0))
			for _, k := range tricks {
				s.want(k.name, k.play(s), k.want)
			}
		})
	}
}

// TestRepeatable is invariant 13: a fault with a trigger does the same to a request, 20
// of 20 times.
func TestRepeatable(t *testing.T) {
	torture.NotShort(t)
	torture.ForEngines(t, func(t *testing.T, e torture.Engine) {
		t.Parallel()
		forVariants(t, e, func(t *testing.T, v variant) {
			t.Parallel()
			policy := torture.Patient()
			policy.CommitTimeout = 100 * time.Millisecond
			s := newStage(t, e, setup{variant: v, policy: policy})
			s.want("unharmed", s.try(nil), once(1, 0))
			for i := range 20 {
				for _, k := range []trick{commitNotSent, halfSent(3), sentFIN, sentRST, replySwallowed, replyTruncated(4), commitBlackHole} {
					s.want(fmt.Sprintf("%s, %d", k.name, i), k.play(s), k.want)
				}
				s.bed.Proxy.CutAll(faultproxy.RST) // pgx keeps a place in the pool for what sits in a black hole
			}
		})
	})
}
