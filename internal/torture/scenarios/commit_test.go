package scenarios

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/torture"
)

var (
	commitNotSent = trick{
		name: "commit-not-sent", want: once(2, 1),
		rule: func(*torture.Bed) faultproxy.Rule {
			return faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.CutBoth}
		},
	}
	sentFIN = trick{
		name: "commit-sent-fin", want: once(1, 1), behind: true,
		rule: func(*torture.Bed) faultproxy.Rule { return faultproxy.Rule{Then: faultproxy.CutClient} },
	}
	sentRST = trick{
		name: "commit-sent-rst", want: once(1, 1), behind: true,
		rule: func(*torture.Bed) faultproxy.Rule {
			return faultproxy.Rule{Then: faultproxy.CutClient, How: faultproxy.RST}
		},
	}
	replySwallowed = trick{
		name: "reply-swallowed", want: once(1, 1),
		rule: func(*torture.Bed) faultproxy.Rule {
			return faultproxy.Rule{AwaitReply: true, Then: faultproxy.CutBoth}
		},
	}
	// completeNoReady: what the server said is enough.
	completeNoReady = trick{
		name: "complete-no-ready", want: once(1, 0),
		rule: func(*torture.Bed) faultproxy.Rule {
			return faultproxy.Rule{When: pgproxy.Tag("COMMIT"), Then: faultproxy.CutBoth}
		},
	}
)

// halfSent forwards the first bytes of the message with COMMIT.
func halfSent(bytes int) trick {
	return trick{
		name: fmt.Sprintf("commit-half-sent, %d bytes", bytes), want: once(2, 1),
		rule: func(*torture.Bed) faultproxy.Rule {
			return faultproxy.Rule{Do: faultproxy.Truncate, Keep: bytes, Then: faultproxy.CutBoth}
		},
	}
}

// commitHalfSent forwards less of COMMIT than there is of it, by each number of bytes.
func commitHalfSent(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{variant: v})
		s.want("unharmed", s.try(nil), once(1, 0))
		queries := s.bed.Proxy.Queries()
		length := len(queries[len(queries)-1]) + 1 + 4 + 1 // a type, a length, and an end
		if e == torture.MariaDB {
			length-- // it has no end
		}
		step := 1
		if length > 50 {
			step = form(12, 1)
		}
		for n := 1; n < length; n += step {
			k := halfSent(n)
			s.want(k.name, k.play(s), k.want)
		}
	})
}

// replyTruncated passes on the first bytes of the server's confirmation.
func replyTruncated(bytes int) trick {
	return trick{
		name: fmt.Sprintf("reply-truncated, %d bytes", bytes), want: once(1, 1),
		rule: func(b *torture.Bed) faultproxy.Rule {
			return faultproxy.Rule{When: confirmed(b.Engine), Do: faultproxy.Truncate, Keep: bytes, Then: faultproxy.CutBoth}
		},
	}
}

func replyTruncatedEverywhere(t *testing.T, e torture.Engine) {
	length := 1 + 4 + len("COMMIT") + 1 // the tag
	if e == torture.MariaDB {
		length = 3 + 1 + 7 // an OK
	}
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{variant: v})
		s.want("unharmed", s.try(nil), once(1, 0))
		for n := range length {
			k := replyTruncated(n)
			s.want(k.name, k.play(s), k.want)
		}
	})
}

// late holds a COMMIT whose client has gone.
var late = faultproxy.Rule{Do: faultproxy.Hold, Then: faultproxy.CutClient, Before: true}

// lateCommit: COMMIT arrives after its client has gone, in time for the look-up, which
// waits for it, or so late that the attempt was fenced off.
//
// On PostgreSQL the row of the ledger travels with COMMIT, so there is nothing to wait
// for, unless the request has a key.
func lateCommit(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		o := setup{variant: v}
		var header http.Header
		if v == byLedger {
			o.app.Middleware, header = everybodysKeys(0), key("k")
		}
		s := newStage(t, e, o)
		s.want("unharmed", s.try(nil), once(1, 0))
		hit := s.onCommit(late)
		asked := s.bed.Proxy.Add(faultproxy.Rule{When: v.look()})
		stop := s.when(asked, hit.Release)
		s.want("in time", s.try(header), once(1, 1))
		stop()

		hit = s.onCommit(faultproxy.Rule{Do: faultproxy.Delay, Delay: 2 * time.Second, Then: faultproxy.CutClient, Before: true})
		s.want("2 s late", s.try(nil), once(2, 1))
		if hit.Count() != 1 {
			t.Errorf("%d faults", hit.Count())
		}
	})
}

// lateCommitVsReplay: COMMIT of attempt 1 arrives while attempt 2 is about to be
// committed, or afterwards. It comes too late, and the answer is that of attempt 2.
func lateCommitVsReplay(t *testing.T, e torture.Engine) {
	policy := torture.Patient()
	policy.AttemptTimeout = 10 * time.Second
	forVariants(t, e, func(t *testing.T, v variant) {
		var hit *faultproxy.Hit
		during := false
		s := newStage(t, e, setup{variant: v, policy: policy, after: func(h hook) {
			if h.attempt == 2 && during {
				hit.Release()
				h.arrived()
			}
		}})
		s.want("unharmed", s.try(nil), once(1, 0))
		for _, during = range []bool{true, false} {
			hit = s.onCommit(late)
			s.want(fmt.Sprintf("during the replay: %t", during), s.try(nil), once(2, 1))
			hit.Release()
			s.arrived()
			if n := s.bed.Number(t, `select count(*) from happened`) - int64(s.sent); n != 0 {
				t.Errorf("%d effects too many", n)
			}
		}
	})
	if e == torture.Postgres {
		t.Run("session lives", lateCommitRefused)
	}
}

// lateCommitRefused is lateCommitVsReplay where nobody gets to end the session of attempt
// 1: its COMMIT finds that the attempt is void.
//
// Mutation seen to fail it: look for the row without voiding it.
func lateCommitRefused(t *testing.T) {
	var hit *faultproxy.Hit
	s := newStage(t, torture.Postgres, setup{before: func(h hook) {
		if h.attempt == 2 {
			hit.Release() // or its locks would stay
			h.arrived()
		}
	}})
	s.want("unharmed", s.try(nil), once(1, 0))
	hit = s.onCommit(late)
	ends := s.bed.Proxy.Add(faultproxy.Rule{When: faultproxy.SQL("pg_terminate_backend"), Do: faultproxy.Drop, Then: faultproxy.CutBoth})
	s.want("its session lives", s.try(nil), once(2, 1))
	if ends.Count() != 1 {
		t.Errorf("ended %d times", ends.Count())
	}
}

// arrived waits until what was held has reached its session, or that has ended before.
func (s *stage) arrived() {
	s.t.Helper()
	dbtest.Eventually(s.t, "the old session is over", func() bool { return s.bed.Proxy.Conns() <= 1 })
}
