package pgproxy_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	. "github.com/reprise-go/reprise/internal/pgproxy"
)

// TestCommit strikes at COMMIT and looks what became of the row.
func TestCommit(t *testing.T) {
	t.Parallel()
	table, _ := startTable(t)
	table.Commit(t, proxytest.Commits{
		Acknowledged: map[string]Rule{
			"all delivered": {When: Message(Down, 'Z'), Nth: 4, Then: CutBoth},
		},
		Committed: map[string]Rule{
			"tag dropped":                  {When: Tag("COMMIT"), Do: Drop, Then: CutClient},
			"tag truncated":                {When: Tag("COMMIT"), Do: Truncate, Keep: 9, Then: CutBoth},
			"tag delivered, ready dropped": {When: Message(Down, 'Z'), Nth: 4, Do: Drop, Then: CutClient},
		},
		RolledBack: map[string]Rule{
			"truncated": {When: SQL("commit"), Do: Truncate, Keep: 11, Then: CutClient, How: RST},
			"within":    {When: Message(Up, 'Q'), Nth: 2, Do: Truncate, Keep: 3, Then: CutBoth, How: RST},
		},
	})
}

func TestLateCommit(t *testing.T) {
	t.Parallel()
	table, _ := startTable(t)
	table.LateCommit(t)
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
	dbtest.Eventually(t, "the lock", func() bool {
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
