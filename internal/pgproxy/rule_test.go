package pgproxy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	. "github.com/reprise-go/reprise/internal/pgproxy"
)

func TestEveryByte(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	ask := func() error {
		_, err := connect(t, via).Exec(t.Context(), "select 1")
		return err
	}
	// Query; RowDescription, DataRow, CommandComplete, ReadyForQuery.
	proxytest.EveryByte(t, p, ask, map[Dir]int64{Up: 1 + 4 + 9, Down: 34 + 12 + 14 + 6})
}

func TestStartUp(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	ask := func() error {
		c, err := pgx.Connect(t.Context(), via)
		if err == nil {
			c.Close(t.Context())
		}
		return err
	}
	proxytest.StartUp(t, p, ask, Byte(Up, 0), Byte(Up, 10), Byte(Down, 0), Message(Up, 0), Message(Down, 'R'), Message(Down, 'Z'))
}

func TestNthAndTimes(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	for _, c := range []struct {
		rule       Rule
		one, other int // how often it fires after 4 queries on each of two connections
	}{
		{Rule{}, 1, 1},
		{Rule{Nth: 5}, 0, 1},
		{Rule{Nth: 4, Times: 3}, 1, 3},
		{Rule{Nth: 2, Times: -1}, 3, 7},
		{Rule{PerConn: true}, 1, 2},
		{Rule{PerConn: true, Nth: 3, Times: 2}, 2, 4},
		{Rule{PerConn: true, Nth: 5}, 0, 0},
	} {
		c.rule.When = Message(Up, 'Q')
		hit := p.Add(c.rule)
		for i, want := range []int{c.one, c.other} {
			conn := connect(t, via)
			for range 4 {
				if _, err := conn.Exec(t.Context(), "select 1"); err != nil {
					t.Fatal(err)
				}
			}
			if n := hit.Count(); n != want {
				t.Errorf("%s: fired %d times after connection %d, want %d", c.rule, n, i, want)
			}
		}
		p.Clear()
	}
}

func TestFirstRuleWins(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	a := p.Add(Rule{When: SQL("select")})
	b := p.Add(Rule{When: SQLFunc(func(sql string) bool { return sql == "select 1" })})
	c := connect(t, via)
	for range 2 {
		if _, err := c.Exec(t.Context(), "select 1"); err != nil {
			t.Fatal(err)
		}
	}
	if a.Count() != 1 || b.Count() != 1 || p.Faults() != 2 {
		t.Error(a.Count(), b.Count(), p.Faults())
	}
}

func TestNonsensePanics(t *testing.T) {
	t.Parallel()
	p, err := New("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, r := range []Rule{
		{},
		{When: Tag("COMMIT"), AwaitReply: true},
		{When: SQL("x"), AwaitReply: true, Before: true},
		{When: SQL("x"), AwaitReply: true, Do: Drop},
		{When: SQL("x"), KeepServer: true},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic: %+v", r)
				}
			}()
			p.Add(r)
		}()
	}
}

func TestRandomRuleIsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	a, b := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(1, 2))
	kinds := map[string]bool{}
	for range 1000 {
		r, s := RandomRule(a), RandomRule(b)
		if r.String() != s.String() {
			t.Fatalf("%s and %s", r, s)
		}
		kinds[r.String()] = true
		if r.Then == Nothing && r.Do != Delay {
			t.Errorf("not noticed: %s", r)
		}
	}
	if len(kinds) < 100 {
		t.Errorf("%d kinds only", len(kinds))
	}
}
