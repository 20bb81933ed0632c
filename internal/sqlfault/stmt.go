package sqlfault

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// rawStmt is what statements of modernc.org/sqlite are.
type rawStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

var _ rawStmt = (*stmt)(nil)

// stmt is a statement of a connection that can be cut.
type stmt struct {
	conn  *conn
	inner rawStmt
}

// Prepare implements [driver.Conn].
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	wrapped := &stmt{conn: c}
	err := c.call(func() error {
		inner, err := c.inner.PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		r, ok := inner.(rawStmt)
		if !ok {
			_ = inner.Close()
			return fmt.Errorf("sqlfault: %T is no statement of modernc.org/sqlite", inner)
		}
		c.keep(r)
		wrapped.inner = r
		return nil
	})
	if err != nil {
		return nil, err
	}
	return wrapped, nil
}

// Close implements [driver.Stmt].
func (s *stmt) Close() error { return s.conn.release(s.inner) }

// NumInput implements [driver.Stmt]. It is no call: SQLite counts when it binds.
func (s *stmt) NumInput() int { return -1 }

// ExecContext implements [driver.StmtExecContext].
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (res driver.Result, err error) {
	err = s.conn.call(func() error {
		res, err = s.inner.ExecContext(ctx, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// QueryContext implements [driver.StmtQueryContext].
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(func() (driver.Rows, error) { return s.inner.QueryContext(ctx, args) })
}

var errLegacy = errors.New("sqlfault: database/sql calls ExecContext and QueryContext")

// Exec implements [driver.Stmt].
func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, errLegacy }

// Query implements [driver.Stmt].
func (s *stmt) Query([]driver.Value) (driver.Rows, error) { return nil, errLegacy }
