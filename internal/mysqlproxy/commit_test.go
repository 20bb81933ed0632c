package mysqlproxy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	. "github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
)

// TestCommit strikes at COMMIT and looks what became of the row.
func TestCommit(t *testing.T) {
	t.Parallel()
	p, via, direct := start(t)
	look := open(t, direct)
	id := 0
	for name, c := range map[string]struct {
		rule Rule
		rows int
		ok   bool
	}{
		"delivered, client cut":       {Rule{When: SQL("commit"), Then: CutClient}, 1, false},
		"delivered, client reset":     {Rule{When: SQL("COMMIT"), Then: CutClient, How: RST}, 1, false},
		"reply swallowed":             {Rule{When: SQL("commit"), AwaitReply: true, Then: CutClient}, 1, false},
		"reply swallowed, both reset": {Rule{When: SQL("commit"), AwaitReply: true, Then: CutBoth, How: RST}, 1, false},
		"reply dropped":               {Rule{When: mysqlproxy.Reply("COMMIT"), Do: Drop, Then: CutClient}, 1, false},
		"header of the reply":         {Rule{When: mysqlproxy.Reply("commit"), Do: Truncate, Keep: 4, Then: CutBoth}, 1, false},
		"all but a byte of the reply": {Rule{When: mysqlproxy.Reply("commit"), Do: Truncate, Keep: 10, Then: CutClient, How: RST}, 1, false},
		"reply delivered":             {Rule{When: mysqlproxy.Reply("commit"), Then: CutBoth}, 1, true},
		"dropped":                     {Rule{When: SQL("commit"), Do: Drop, Then: CutBoth}, 0, false},
		"dropped, client cut":         {Rule{When: SQL("commit"), Do: Drop, Then: CutClient}, 0, false},
		"truncated":                   {Rule{When: SQL("commit"), Do: Truncate, Keep: 10, Then: CutClient, How: RST}, 0, false},
		"within":                      {Rule{When: mysqlproxy.Message(Up, mysqlproxy.ComQuery), Nth: 2, Do: Truncate, Keep: 3, Then: CutBoth, How: RST}, 0, false},
		"delayed":                     {Rule{When: SQL("commit"), Do: Delay, Delay: 30 * time.Millisecond}, 1, true},
		"reply delayed":               {Rule{When: mysqlproxy.Reply("commit"), Do: Delay, Delay: 30 * time.Millisecond}, 1, true},
		"delayed, client cut before":  {Rule{When: SQL("commit"), Do: Delay, Delay: 30 * time.Millisecond, Before: true, Then: CutClient}, 1, false},
	} {
		id++
		hit := p.Add(c.rule)
		began := time.Now()
		err := insert(t, connect(t, via), id)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, mysql.ErrInvalidConn) {
			t.Errorf("%s: client got %v", name, err)
		}
		wait(t, name+": fired", hit.Done())
		if c.rule.AwaitReply || c.rows == 0 {
			if n := rows(t, look, id); n != c.rows {
				t.Errorf("%s: %d rows", name, n)
			}
		}
		// The server may read COMMIT before it reads that the client has gone.
		eventually(t, name+": rows", func() bool { return rows(t, look, id) == c.rows })
		if d := time.Since(began); d < c.rule.Delay {
			t.Errorf("%s: took %v only", name, d)
		}
		p.CutAll(FIN)
	}
}

// TestHeldReply leaves the client in doubt about what has been done.
func TestHeldReply(t *testing.T) {
	t.Parallel()
	p, via, direct := start(t)
	hit := p.Add(Rule{When: mysqlproxy.Reply("commit"), Do: Hold})
	c := connect(t, via)
	done := make(chan error, 1)
	go func() { done <- insert(t, c, 1) }()
	wait(t, "the reply", hit.Fired())
	if n := rows(t, open(t, direct), 1); n != 1 {
		t.Errorf("%d rows", n)
	}
	select {
	case err := <-done:
		t.Errorf("committed too soon: %v", err)
	default:
	}
	hit.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLateCommit lets a COMMIT arrive that the client has given up.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	p, via, direct := start(t)
	look := open(t, direct)
	hit := p.Add(Rule{When: SQL("commit"), Do: Hold, Then: CutClient, How: RST, Before: true})
	if err := insert(t, connect(t, via), 1); !errors.Is(err, mysql.ErrInvalidConn) {
		t.Error(err)
	}
	if n := rows(t, look, 1); n != 0 {
		t.Fatalf("%d rows before Release", n)
	}
	hit.Release()
	eventually(t, "committed", func() bool { return rows(t, look, 1) == 1 })
}

// TestRefusedCommand is replied to by an ERR.
func TestRefusedCommand(t *testing.T) {
	t.Parallel()
	p, via, _ := start(t)
	hit := p.Add(Rule{When: mysqlproxy.Reply("nonsense"), Do: Drop, Then: CutBoth})
	if _, err := connect(t, via).ExecContext(t.Context(), "nonsense"); !errors.Is(err, mysql.ErrInvalidConn) {
		t.Error(err)
	}
	if n := p.Count(Down, mysqlproxy.ERR); n != 1 || hit.Count() != 1 {
		t.Error(n, hit.Count())
	}
}
