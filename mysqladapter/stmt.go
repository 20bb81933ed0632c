package mysqladapter

import (
	"context"
	"database/sql/driver"
)

// stmt is a statement that a program has prepared.
type stmt struct {
	rawStmt
	conn  *conn
	query string
}

// rawStmt is what statements of github.com/go-sql-driver/mysql are.
type rawStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
}

// ExecContext implements [driver.StmtExecContext].
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.conn.ready(ctx, s.query); err != nil {
		return nil, err
	}
	return s.rawStmt.ExecContext(ctx, args)
}

// QueryContext implements [driver.StmtQueryContext].
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.conn.ready(ctx, s.query); err != nil {
		return nil, err
	}
	return s.rawStmt.QueryContext(ctx, args)
}
