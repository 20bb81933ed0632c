package sqliteadapter

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// rawStmt is what statements of modernc.org/sqlite are.
type rawStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// stmt is a statement that is refused as its connection's are.
type stmt struct {
	rawStmt
	conn *conn
}

// Prepare implements [driver.Conn].
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.refuse(); err != nil {
		return nil, err
	}
	inner, err := c.raw.PrepareContext(ctx, query)
	if err := c.note(err); err != nil {
		return nil, err
	}
	r, ok := inner.(rawStmt)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("sqliteadapter: %T is no statement of modernc.org/sqlite", inner)
	}
	return &stmt{r, c}, nil
}

// ExecContext implements [driver.StmtExecContext].
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.conn.refuse(); err != nil {
		return nil, err
	}
	res, err := s.rawStmt.ExecContext(ctx, args)
	return res, s.conn.note(err)
}

// QueryContext implements [driver.StmtQueryContext].
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.conn.refuse(); err != nil {
		return nil, err
	}
	rows, err := s.rawStmt.QueryContext(ctx, args)
	return rows, s.conn.note(err)
}
