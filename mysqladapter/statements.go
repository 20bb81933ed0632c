package mysqladapter

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// statementsKept is how many prepared statements a connection keeps.
const statementsKept = 64

// statements are the statements prepared on a connection, the one used last in front.
// The driver would prepare a statement with arguments anew each time it runs, which is a
// round trip, and close it again.
type statements struct {
	used   list.List // of *prepared
	byText map[string]*list.Element
}

type prepared struct {
	query string
	stmt  driver.Stmt
}

// get returns the statement of a text, nil if there is none.
func (s *statements) get(query string) driver.Stmt {
	e := s.byText[query]
	if e == nil {
		return nil
	}
	s.used.MoveToFront(e)
	return e.Value.(*prepared).stmt
}

// put keeps a statement, and closes the one that was not used for longest if there are
// too many.
func (s *statements) put(query string, stmt driver.Stmt) {
	if s.byText == nil {
		s.byText = make(map[string]*list.Element)
	}
	s.byText[query] = s.used.PushFront(&prepared{query, stmt})
	if s.used.Len() > statementsKept {
		s.drop(s.used.Back().Value.(*prepared).query)
	}
}

// drop closes the statement of a text.
func (s *statements) drop(query string) {
	if e := s.byText[query]; e != nil {
		delete(s.byText, query)
		s.used.Remove(e)
		_ = e.Value.(*prepared).stmt.Close() // it waits for no answer
	}
}

func (s *statements) clear() {
	for query := range s.byText {
		s.drop(query)
	}
}

// Errors of prepared statements by which nothing was run.
const (
	errUnknownStatement  = 1243 // the server, or one that a proxy put in its place, does not have it
	errTooManyStatements = 1461
)

func refusedAs(err error, number uint16) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && e.Number == number
}

// withStatement runs use with the prepared statement of a text, once more where the
// server has lost it.
func (c *conn) withStatement(ctx context.Context, query string, args []driver.NamedValue, use func(driver.Stmt) error) error {
	for again := false; ; again = true {
		stmt := c.statements.get(query)
		cold := stmt == nil
		if cold {
			var err error
			if stmt, err = c.prepare(ctx, query); err != nil {
				return err
			}
			c.statements.put(query, stmt)
		}
		if n := stmt.NumInput(); n >= 0 && n != len(args) {
			return fmt.Errorf("sql: expected %d arguments, got %d", n, len(args)) // as database/sql says it
		}
		err := use(stmt)
		if err == nil || again || cold || !refusedAs(err, errUnknownStatement) {
			return err
		}
		c.statements.drop(query)
	}
}

// prepare prepares a statement, if need be by giving up all others.
func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.raw.PrepareContext(ctx, query)
	if refusedAs(err, errTooManyStatements) && c.statements.used.Len() > 0 {
		c.statements.clear()
		stmt, err = c.raw.PrepareContext(ctx, query)
	}
	return stmt, err
}
