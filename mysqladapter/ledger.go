package mysqladapter

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/sqladapter"
)

const errDuplicate = 1062

// ledger returns c for the adapter beneath.
func (c *connector) ledger(cfg ledger.Config) sqladapter.Ledger {
	if !cfg.On() {
		return sqladapter.Ledger{}
	}
	return sqladapter.Ledger{
		Book:      cfg.Book("mysql"),
		Duplicate: duplicate,
		Hurry:     "set session innodb_lock_wait_timeout = 1",
		// Some versions answer 0 and 1, some OFF, ON and more.
		Writable: "select concat(@@global.read_only) in ('0', 'OFF')",
		EndOwner: c.end,
		Bound:    bound,
	}
}

// bound lets a statement wait for locks for as many seconds as wait has, and one at
// least: whoever is told that a key is taken holds the gap before it for a moment, and
// the keys in there must not be called taken, too.
//
// MariaDB does it in one message. It would have SET STATEMENT for that, after which
// 10.11 has forgotten what was set for the session.
func bound(server, claim string, wait time.Duration) (before, bounded, after string) {
	const (
		most = 100_000_000 * time.Second // MariaDB's
		undo = "set session innodb_lock_wait_timeout = @reprise_lock_wait"
	)
	do := fmt.Sprintf("set @reprise_lock_wait = @@session.innodb_lock_wait_timeout, session innodb_lock_wait_timeout = %d",
		int64((min(max(wait, 1), most)+time.Second-1)/time.Second))
	if strings.Contains(server, "MariaDB") {
		return "", "begin not atomic declare exit handler for sqlexception begin " + undo + "; resignal; end; " +
			do + "; " + claim + "; " + undo + "; end", ""
	}
	return do, claim, undo
}

func duplicate(err error) bool {
	e := serverError(err)
	return e != nil && e.Number == errDuplicate
}

// end ends the session of a connection that was given up. Sessions are numbered
// anew by a server that was restarted: where it was, this one has ended, and its number
// may be another's.
func (c *connector) end(ctx context.Context, gone driver.Conn) {
	c.killIf(ctx, gone, func(ctx context.Context, r raw, victim *conn) bool {
		up, err := uptime(ctx, r)
		return err == nil && up+time.Second > time.Since(victim.made) // up is rounded down
	})
}

// uptime returns for how long the server has been running, in whole seconds.
func uptime(ctx context.Context, c raw) (time.Duration, error) {
	row, err := ask(ctx, c, "show global status like 'Uptime'")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(row[len(row)-1], 10, 64)
	return time.Duration(n) * time.Second, err
}
