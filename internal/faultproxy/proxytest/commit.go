package proxytest

import (
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
)

// Table is one with a column id, behind a proxy.
type Table struct {
	Proxy *faultproxy.Proxy
	// Insert inserts a row, in a transaction on a new connection through the
	// proxy, and returns what COMMIT said
	Insert func(t *testing.T, id int) error
	// Rows counts the rows of an id, past the proxy
	Rows func(t *testing.T, id int) int
}

// Commits are rules that strike at COMMIT, by what they lead to.
type Commits struct {
	Acknowledged map[string]faultproxy.Rule // it is committed, and the client hears so
	Committed    map[string]faultproxy.Rule // it is, and the client gets an error
	RolledBack   map[string]faultproxy.Rule // so it is
}

// anyCommit are rules for all protocols.
var anyCommit = Commits{
	Acknowledged: map[string]faultproxy.Rule{
		"delayed": {When: faultproxy.SQL("commit"), Do: faultproxy.Delay, Delay: 30 * time.Millisecond},
	},
	Committed: map[string]faultproxy.Rule{
		"delivered, client cut":       {When: faultproxy.SQL("COMMIT"), Then: faultproxy.CutClient},
		"delivered, client reset":     {When: faultproxy.SQL("commit"), Then: faultproxy.CutClient, How: faultproxy.RST},
		"reply swallowed":             {When: faultproxy.SQL("commit"), AwaitReply: true, Then: faultproxy.CutClient},
		"reply swallowed, both reset": {When: faultproxy.SQL("commit"), AwaitReply: true, Then: faultproxy.CutBoth, How: faultproxy.RST},
		"delayed, client cut before":  {When: faultproxy.SQL("commit"), Do: faultproxy.Delay, Delay: 30 * time.Millisecond, Before: true, Then: faultproxy.CutClient},
	},
	RolledBack: map[string]faultproxy.Rule{
		"dropped":             {When: faultproxy.SQL("commit"), Do: faultproxy.Drop, Then: faultproxy.CutBoth},
		"dropped, client cut": {When: faultproxy.SQL("commit"), Do: faultproxy.Drop, Then: faultproxy.CutClient},
	},
}

// Commit strikes at COMMIT, with rules for all protocols and more, and looks what
// became of the row.
func (tab Table) Commit(t *testing.T, more Commits) {
	id := 0
	for _, c := range []Commits{anyCommit, more} {
		for _, outcome := range []struct {
			rules map[string]faultproxy.Rule
			rows  int
			ok    bool
		}{{c.Acknowledged, 1, true}, {c.Committed, 1, false}, {c.RolledBack, 0, false}} {
			for name, rule := range outcome.rules {
				id++
				tab.commit(t, id, name, rule, outcome.rows, outcome.ok)
			}
		}
	}
}

func (tab Table) commit(t *testing.T, id int, name string, rule faultproxy.Rule, rows int, ok bool) {
	p := tab.Proxy
	hit := p.Add(rule)
	began := time.Now()
	err := tab.Insert(t, id)
	if (err == nil) != ok {
		t.Errorf("%s: client got %v", name, err)
	}
	dbtest.Wait(t, name+": fired", hit.Done())
	if rule.AwaitReply || rows == 0 {
		if n := tab.Rows(t, id); n != rows {
			t.Errorf("%s: %d rows", name, n)
		}
	}
	dbtest.Eventually(t, name+": session over", func() bool { return ok || p.Conns() == 0 })
	if n := tab.Rows(t, id); n != rows {
		t.Errorf("%s: %d rows", name, n)
	}
	if d := time.Since(began); d < rule.Delay {
		t.Errorf("%s: took %v only", name, d)
	}
	p.CutAll(faultproxy.FIN)
}

// LateCommit lets a COMMIT arrive that the client has given up.
func (tab Table) LateCommit(t *testing.T) {
	hit := tab.Proxy.Add(faultproxy.Rule{When: faultproxy.SQL("commit"), Do: faultproxy.Hold, Then: faultproxy.CutClient, How: faultproxy.RST, Before: true})
	if err := tab.Insert(t, 1); err == nil {
		t.Error("committed")
	}
	if n := tab.Rows(t, 1); n != 0 {
		t.Fatalf("%d rows before Release", n)
	}
	if n := tab.Proxy.Conns(); n != 1 {
		t.Errorf("%d sessions", n)
	}
	hit.Release()
	dbtest.Eventually(t, "committed", func() bool { return tab.Rows(t, 1) == 1 })
}
