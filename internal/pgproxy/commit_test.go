package pgproxy_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	. "github.com/reprise-go/reprise/internal/pgproxy"
)

// TestCommit strikes at COMMIT and looks what became of the row.
func TestCommit(t *testing.T) {
	t.Parallel()
	p, via, direct := startDB(t)
	look := connect(t, direct)
	id := 0
	for name, c := range map[string]struct {
		rule Rule
		rows int
		ok   bool
	}{
		"delivered, client cut":        {Rule{When: SQL("COMMIT"), Then: CutClient}, 1, false},
		"delivered, client reset":      {Rule{When: SQL("commit"), Then: CutClient, How: RST}, 1, false},
		"reply swallowed":              {Rule{When: SQL("commit"), AwaitReply: true, Then: CutClient}, 1, false},
		"reply swallowed, both reset":  {Rule{When: SQL("commit"), AwaitReply: true, Then: CutBoth, How: RST}, 1, false},
		"tag dropped":                  {Rule{When: Tag("COMMIT"), Do: Drop, Then: CutClient}, 1, false},
		"tag truncated":                {Rule{When: Tag("COMMIT"), Do: Truncate, Keep: 9, Then: CutBoth}, 1, false},
		"tag delivered, ready dropped": {Rule{When: Message(Down, 'Z'), Nth: 4, Do: Drop, Then: CutClient}, 1, false},
		"all delivered":                {Rule{When: Message(Down, 'Z'), Nth: 4, Then: CutBoth}, 1, true},
		"dropped":                      {Rule{When: SQL("commit"), Do: Drop, Then: CutBoth}, 0, false},
		"dropped, client cut":          {Rule{When: SQL("commit"), Do: Drop, Then: CutClient}, 0, false},
		"truncated":                    {Rule{When: SQL("commit"), Do: Truncate, Keep: 11, Then: CutClient, How: RST}, 0, false},
		"within":                       {Rule{When: Message(Up, 'Q'), Nth: 2, Do: Truncate, Keep: 3, Then: CutBoth, How: RST}, 0, false},
		"delayed":                      {Rule{When: SQL("commit"), Do: Delay, Delay: 30 * time.Millisecond}, 1, true},
		"delayed, client cut before":   {Rule{When: SQL("commit"), Do: Delay, Delay: 30 * time.Millisecond, Before: true, Then: CutClient}, 1, false},
	} {
		id++
		hit := p.Add(c.rule)
		began := time.Now()
		err := insert(t, connect(t, via), id)
		if (err == nil) != c.ok {
			t.Errorf("%s: client got %v", name, err)
		}
		wait(t, name+": fired", hit.Done())
		if c.rule.AwaitReply || c.rows == 0 {
			if n := rows(t, look, id); n != c.rows {
				t.Errorf("%s: %d rows", name, n)
			}
		}
		eventually(t, name+": session over", func() bool { return c.ok || p.Conns() == 0 })
		if n := rows(t, look, id); n != c.rows {
			t.Errorf("%s: %d rows", name, n)
		}
		if d := time.Since(began); d < c.rule.Delay {
			t.Errorf("%s: took %v only", name, d)
		}
		p.CutAll(FIN)
	}
}

// TestLateCommit lets a COMMIT arrive that the client has given up.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	p, via, direct := startDB(t)
	look := connect(t, direct)
	hit := p.Add(Rule{When: SQL("commit"), Do: Hold, Then: CutClient, How: RST, Before: true})
	if err := insert(t, connect(t, via), 1); err == nil {
		t.Error("committed")
	}
	if n := rows(t, look, 1); n != 0 {
		t.Fatalf("%d rows before Release", n)
	}
	if n := p.Conns(); n != 1 {
		t.Errorf("%d sessions", n)
	}
	hit.Release()
	eventually(t, "committed", func() bool { return rows(t, look, 1) == 1 })
}

// TestHow checks that FIN and RST are what they say. The extended protocol is
// used since pgx's Exec of plain SQL hides the error of the connection.
func TestHow(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	for how, want := range map[How]error{FIN: io.ErrUnexpectedEOF, RST: syscall.ECONNRESET} {
		for _, when := range []Trigger{SQL("select 1"), Message(Down, 'D'), Tag("SELECT")} {
			p.Add(Rule{When: when, Do: Drop, Then: CutClient, How: how})
			_, err := connect(t, via).PgConn().ExecParams(t.Context(), "select 1", nil, nil, nil, nil).Close()
			if !errors.Is(err, want) {
				t.Errorf("%s: %v", when, err)
			}
		}
	}
}

// TestKeepServer leaves a transaction behind that the server knows no end of.
func TestKeepServer(t *testing.T) {
	t.Parallel()
	p, via, direct := startDB(t)
	p.Add(Rule{When: SQL("commit"), Do: Drop, Then: CutClient, KeepServer: true})
	if err := insert(t, connect(t, via), 1); err == nil {
		t.Error("committed")
	}
	c := connect(t, direct)
	if _, err := c.Exec(t.Context(), "set lock_timeout = '20ms'"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "lock t"); err == nil {
		t.Fatal("the transaction is over")
	}
	p.CutAll(FIN)
	eventually(t, "the lock", func() bool {
		_, err := c.Exec(t.Context(), "begin; lock t; rollback")
		if err != nil {
			_, _ = c.Exec(t.Context(), "rollback")
		}
		return err == nil
	})
}

// TestUnnoticed has faults that a client only notices by its deadline.
func TestUnnoticed(t *testing.T) {
	t.Parallel()
	p, via := start(t)
	for _, r := range []Rule{
		{When: SQL("select 1"), Then: CutServer, Do: Drop},
		{When: SQL("select 1"), Then: BlackHole, Do: Drop},
		{When: Message(Down, 'C'), Then: BlackHole},
		{When: SQL("select 1"), Do: Hold},
	} {
		p.Add(r)
		c := connect(t, via)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if _, err := c.Exec(ctx, "select 1"); ctx.Err() == nil {
			t.Errorf("%s: %v", r, err)
		}
		cancel()
		p.CutAll(FIN)
	}
}
