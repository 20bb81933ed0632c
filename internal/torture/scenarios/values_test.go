package scenarios

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/txctx"
)

// mutables: what must not change between attempts does not. Numbers of sequences do.
//
// Mutation seen to fail it: do not keep the value.
func mutables(t *testing.T, e torture.Engine) {
	var values []string
	s := newStage(t, e, setup{before: func(h hook) {
		at, err := txctx.Once(h.ctx, "time", func() (time.Time, error) { return time.Now(), nil })
		h.must(err)
		id, err := txctx.Once(h.ctx, "id", func() (string, error) { return rand.Text(), nil })
		h.must(err)
		dice, err := txctx.Once(h.ctx, "dice", func() (byte, error) {
			var b [1]byte
			_, err := rand.Read(b[:])
			return b[0], err
		})
		h.must(err)
		v := fmt.Sprint(at.UnixNano(), id, dice)
		values = append(values, v)
		h.w.Header().Set("X-Values", v)
	}})
	s.want("mutables", commitNotSent.play(s), once(2, 1))
	if len(values) != 2 || values[0] != values[1] {
		t.Errorf("the attempts saw %q", values)
	}
	s.want("another request", s.try(nil), once(1, 0))
	if len(values) != 3 || values[2] == values[0] {
		t.Errorf("another request saw the same: %q", values)
	}
}

// outbox: a handler leaves a mail to be sent. There is one, whatever becomes of COMMIT.
func outbox(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{variant: v, after: func(h hook) {
			h.must(h.exec(`insert into outbox values (?, 'Thank you')`, h.r.Header.Get("X-Order")))
		}})
		s.bed.Exec(t, `create table outbox (req varchar(64) not null, mail varchar(64) not null)`)
		s.want("unharmed", s.try(map[string][]string{"X-Order": {"r0"}}), once(1, 0))
		for i, k := range []trick{commitNotSent, sentFIN, {
			name: "late-commit", want: once(2, 1),
			rule: func(*torture.Bed) faultproxy.Rule {
				return faultproxy.Rule{Do: faultproxy.Delay, Delay: 2 * time.Second, Then: faultproxy.CutClient, Before: true}
			},
		}} {
			s.header = map[string][]string{"X-Order": {fmt.Sprint(i)}}
			s.want(k.name, k.play(s), k.want)
			if n := s.bed.Number(t, fmt.Sprintf(`select count(*) from outbox where req = '%d'`, i)); n != 1 {
				t.Errorf("%s: %d mails", k.name, n)
			}
		}
	})
}

// driverSilentRetry: pgx sends some statements again by itself where they are outside of
// a transaction. What the library writes never is: the look-up's own COMMIT loses its
// answer, and its row is there once.
//
// Mutation seen to fail it: void the row without a transaction.
func driverSilentRetry(t *testing.T, e torture.Engine) {
	s := newStage(t, e, setup{})
	s.want("unharmed", s.try(nil), once(1, 0))
	s.bed.Proxy.ResetCounts()
	first := s.onCommit(faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.CutBoth})
	second := s.onCommit(faultproxy.Rule{Nth: 2, AwaitReply: true, Then: faultproxy.CutClient})
	s.want("driver-silent-retry", s.try(nil), once(2, 1))
	if first.Count() != 1 || second.Count() != 1 {
		t.Errorf("%d and %d faults", first.Count(), second.Count())
	}
	if n := s.bed.Number(t, `select count(*) from reprise_ledger where void`); n != 1 {
		t.Errorf("%d rows say that the attempt was not committed", n)
	}
	for _, q := range s.bed.Proxy.Queries() {
		writes := slices.ContainsFunc([]string{"insert", "update", "delete"}, func(word string) bool {
			return strings.Contains(q, word+" ") && strings.Contains(q, "reprise_ledger")
		})
		if writes && !strings.HasPrefix(q, "begin ") && !strings.HasSuffix(q, "; commit") {
			t.Errorf("outside of a transaction: %s", q)
		}
	}
	t.Log("OPEN: lib/pq is no dependency of the module, and is not played with")
}
