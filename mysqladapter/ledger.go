package mysqladapter

import (
	"context"
	"database/sql/driver"
	"strconv"
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
	}
}

func duplicate(err error) bool {
	e := serverError(err)
	return e != nil && e.Number == errDuplicate
}

// end ends the session of a connection that was given up at COMMIT. Sessions are numbered
// anew by a server that was restarted: where it was, this one has ended, and its number
// may be another's.
func (c *connector) end(ctx context.Context, gone driver.Conn) {
	c.killIf(ctx, gone, func(ctx context.Context, r raw, victim *conn) bool {
		up, err := uptime(ctx, r)
		return err == nil && up >= time.Since(victim.made)
	})
}

// uptime returns for how long the server has been running, in whole seconds.
func uptime(ctx context.Context, c raw) (time.Duration, error) {
	rows, err := c.QueryContext(ctx, "show global status like 'Uptime'", nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	dest := make([]driver.Value, 2)
	if err := rows.Next(dest); err != nil {
		return 0, err
	}
	seconds, _ := text(dest[1])
	n, err := strconv.ParseInt(seconds, 10, 64)
	return time.Duration(n) * time.Second, err
}
