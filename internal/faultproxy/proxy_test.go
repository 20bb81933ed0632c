package faultproxy_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	. "github.com/reprise-go/reprise/internal/faultproxy"
)

func TestCounts(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	c := dial(t, p)
	if got, err := c.say("-no", "!yes"); got != ".yes\n" {
		t.Error(got, err)
	}
	if p.Count(Up, '-') != 1 || p.Count(Down, '.') != 1 || p.Count(Down, 'h') != 0 || p.Flushes() != 1 {
		t.Error("counted wrong")
	}
	if got := fmt.Sprint(p.Queries()); got != "[yes]" {
		t.Error(got)
	}
}

// TestReplyStaysAway cuts the client after a message that the server replies to
// at once, which must not be in time.
//
// Mutation seen to fail it: do not swallow the reply in fault.
func TestReplyStaysAway(t *testing.T) {
	t.Parallel()
	p, server := start(t)
	for _, r := range []Rule{{Then: CutClient}, {Then: CutBoth}, {Then: CutClient, KeepServer: true}, {AwaitReply: true, Then: CutClient}} {
		r.When, r.Times = SQLFunc(func(sql string) bool { return strings.Contains(sql, "x") }), -1
		hit := p.Add(r)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for j := range 30 {
					line := fmt.Sprintf("!x%d,%d", i, j)
					if got, err := dial(t, p).say(line); err == nil {
						t.Errorf("%s: %q", r, got)
					}
					if r.AwaitReply && !server.has(line) {
						t.Errorf("%s: the server has not heard of %q", r, line)
					}
				}
			})
		}
		wg.Wait()
		hit.Remove()
	}
}

// TestAwaitReplyOfAnotherMessage: what has no reply awaits that to the next
// message that has. Earlier replies get through.
func TestAwaitReplyOfAnotherMessage(t *testing.T) {
	t.Parallel()
	p, server := start(t)
	c := dial(t, p)
	hit := p.Add(Rule{When: When(Up, "-", func(m *Message) bool { return m.Type == '-' }), AwaitReply: true})
	if got, err := c.say("!a", "-b", "!c", "!d"); got != ".a\n" {
		t.Error(got, err)
	}
	if got, err := c.lines.ReadString('\n'); got != ".d\n" {
		t.Error(got, err)
	}
	<-hit.Done()
	if !server.has("!c") {
		t.Error("c did not arrive")
	}
}

// TestNoise: what is not the protocol ends the connection, and does not arrive.
func TestNoise(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	if _, err := dial(t, p).say("!" + string(make([]byte, 200))); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// TestTruncatedReply passes on the bytes it says.
func TestTruncatedReply(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	for keep := range 4 {
		p.Add(Rule{When: When(Down, "tag", func(m *Message) bool { return m.Tag == "abc" }), Do: Truncate, Keep: keep, Then: CutClient})
		if got, err := dial(t, p).say("!abc"); got != ".abc"[:keep] || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d: %q %v", keep, got, err)
		}
	}
}

func TestRandomRulesOfAProtocol(t *testing.T) {
	t.Parallel()
	pr := Protocol{Outcomes: []Trigger{SQL("a")}, Messages: []Trigger{SQL("b")}}
	seen := map[string]bool{}
	for rnd := rand.New(rand.NewPCG(1, 2)); len(seen) < 2; {
		seen[pr.RandomRule(rnd).When.String()] = true
	}
}
