package mysqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/sqltext"
	"github.com/reprise-go/reprise/txctx"
)

// settings are how a session begins transactions. With autocommit off the first statement
// does it by itself, so that BEGIN costs no round trip; isolation level and access mode
// are the session's, and are sent when they change.
type settings struct {
	autocommit bool
	isolation  string // in the server's words: REPEATABLE-READ
	readOnly   bool
}

// session knows how the session of a connection is set, and how it was when it was made:
// outside of transactions it has to be like that again.
type session struct {
	manual   bool // transactions begin by themselves; else by START TRANSACTION
	names    names
	original settings
	now      settings
	unsure   bool // somebody may have changed what is in now
	inTx     bool
}

// names are what the server calls its variables.
type names struct{ isolation, readOnly string }

func namesOf(version string) names {
	if strings.Contains(version, "MariaDB") {
		return names{"tx_isolation", "tx_read_only"}
	}
	return names{"transaction_isolation", "transaction_read_only"}
}

// read finds out how the session is set. Where the server does not say, transactions
// begin by START TRANSACTION.
func (s *session) read(ctx context.Context, c raw, version string) error {
	s.names = namesOf(version)
	row, err := ask(ctx, c, fmt.Sprintf("select @@session.autocommit, @@session.%s, @@session.%s",
		s.names.isolation, s.names.readOnly))
	if err != nil {
		if _, refused := errors.AsType[*mysql.MySQLError](err); refused {
			return nil
		}
		return err
	}
	s.original = settings{autocommit: row[0] == "1", isolation: row[1], readOnly: row[2] == "1"}
	s.now = s.original
	s.manual = row[1] != ""
	return nil
}

// isolations are the levels in the server's words.
var isolations = map[sql.IsolationLevel]string{
	sql.LevelReadUncommitted: "READ-UNCOMMITTED",
	sql.LevelReadCommitted:   "READ-COMMITTED",
	sql.LevelRepeatableRead:  "REPEATABLE-READ",
	sql.LevelSerializable:    "SERIALIZABLE",
}

// begin returns the settings for a transaction.
func (s *session) begin(o driver.TxOptions) (settings, error) {
	want := settings{isolation: s.original.isolation, readOnly: o.ReadOnly || s.original.readOnly}
	if level := sql.IsolationLevel(o.Isolation); level != sql.LevelDefault {
		isolation, ok := isolations[level]
		if !ok {
			return want, fmt.Errorf("mysqladapter: unsupported isolation level: %v", level)
		}
		want.isolation = isolation
	}
	return want, nil
}

// change returns the statement that makes the session as wanted, "" if it is.
func (s *session) change(want settings) string {
	var parts []string
	if s.unsure || want.autocommit != s.now.autocommit {
		parts = append(parts, "autocommit = "+digit(want.autocommit))
	}
	if s.unsure || want.isolation != s.now.isolation {
		parts = append(parts, "session "+s.names.isolation+" = '"+want.isolation+"'")
	}
	if s.unsure || want.readOnly != s.now.readOnly {
		parts = append(parts, "session "+s.names.readOnly+" = "+digit(want.readOnly))
	}
	if parts == nil {
		return ""
	}
	return "set " + strings.Join(parts, ", ")
}

func digit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// become sets the session. A connection that could not be set is closed: nobody knows
// how its next transaction would begin.
func (c *conn) become(ctx context.Context, want settings) error {
	set := c.session.change(want)
	if set == "" {
		return nil
	}
	if _, err := c.raw.ExecContext(ctx, set, nil); err != nil {
		_ = c.Close()
		return err
	}
	c.session.now, c.session.unsure = want, false
	return nil
}

// errAutocommit is the answer to a handler that sets autocommit: it would commit.
var errAutocommit = fmt.Errorf("mysqladapter: autocommit belongs to the transaction: %w", txctx.ErrManaged)

// ready makes the session fit for a statement: outside of transactions as it was made.
func (c *conn) ready(ctx context.Context, query string) error {
	s := &c.session
	if !s.manual {
		return nil
	}
	switch first, _ := sqltext.Words(query); first {
	case "set":
		text := strings.ToLower(query)
		autocommit := strings.Contains(text, "autocommit")
		if s.inTx && autocommit {
			return errAutocommit
		}
		if autocommit || strings.Contains(text, "isolation") || strings.Contains(text, "read_only") || strings.Contains(text, "transaction") {
			defer func() { s.unsure = true }()
		}
	case "call", "execute":
		defer func() { s.unsure = true }()
	}
	if s.inTx {
		return nil
	}
	return c.become(ctx, s.original)
}
