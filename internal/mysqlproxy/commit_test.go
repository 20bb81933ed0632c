package mysqlproxy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	. "github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
)

// TestCommit strikes at COMMIT and looks what became of the row.
func TestCommit(t *testing.T) {
	t.Parallel()
	table, _ := startTable(t)
	table.Commit(t, proxytest.Commits{
		Acknowledged: map[string]Rule{
			"reply delivered": {When: mysqlproxy.Reply("commit"), Then: CutBoth},
			"reply delayed":   {When: mysqlproxy.Reply("commit"), Do: Delay, Delay: 30 * time.Millisecond},
		},
		Committed: map[string]Rule{
			"reply dropped":               {When: mysqlproxy.Reply("COMMIT"), Do: Drop, Then: CutClient},
			"header of the reply":         {When: mysqlproxy.Reply("commit"), Do: Truncate, Keep: 4, Then: CutBoth},
			"all but a byte of the reply": {When: mysqlproxy.Reply("commit"), Do: Truncate, Keep: 10, Then: CutClient, How: RST},
		},
		RolledBack: map[string]Rule{
			"truncated": {When: SQL("commit"), Do: Truncate, Keep: 10, Then: CutClient, How: RST},
			"within":    {When: mysqlproxy.Message(Up, mysqlproxy.ComQuery), Nth: 2, Do: Truncate, Keep: 3, Then: CutBoth, How: RST},
		},
	})
}

func TestLateCommit(t *testing.T) {
	t.Parallel()
	table, _ := startTable(t)
	table.LateCommit(t)
}

// TestHeldReply leaves the client in doubt about what has been done.
func TestHeldReply(t *testing.T) {
	t.Parallel()
	p, via, direct := start(t)
	hit := p.Add(Rule{When: mysqlproxy.Reply("commit"), Do: Hold})
	c := connect(t, via)
	done := make(chan error, 1)
	go func() { done <- insert(t, c, 1) }()
	dbtest.Wait(t, "the reply", hit.Fired())
	if n := rows(t, mariatest.Pool(t, direct), 1); n != 1 {
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
