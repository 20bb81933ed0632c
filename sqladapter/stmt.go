package sqladapter

import (
	"context"
	"database/sql/driver"
	"errors"
)

// stmt wraps the driver's prepared statement.
type stmt struct {
	driver.Stmt
	conn  *conn
	query string
}

// convertingStmt is a stmt whose driver converts arguments by column.
type convertingStmt struct {
	*stmt
	driver.ColumnConverter //nolint:staticcheck // drivers have it
}

func wrapStmt(inner driver.Stmt, c *conn, query string) driver.Stmt {
	s := &stmt{Stmt: inner, conn: c, query: query}
	if cc, ok := inner.(driver.ColumnConverter); ok { //nolint:staticcheck // drivers have it
		return convertingStmt{s, cc}
	}
	return s
}

// CheckNamedValue implements [driver.NamedValueChecker]: the statement's, else the
// connection's.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}

// ExecContext implements [driver.StmtExecContext].
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	w := s.conn.w
	if w == nil {
		return s.exec(ctx, args)
	}
	ctx, err := w.enter(ctx, s.query)
	if err != nil {
		return nil, err
	}
	res, err := s.exec(ctx, args)
	return res, w.leave(ctx, s.query, err)
}

func (s *stmt) exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if x, ok := s.Stmt.(driver.StmtExecContext); ok {
		return x.ExecContext(ctx, args)
	}
	values, err := plain(args)
	if err != nil {
		return nil, err
	}
	return s.Stmt.Exec(values) //nolint:staticcheck // what drivers without contexts have
}

// QueryContext implements [driver.StmtQueryContext].
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	w := s.conn.w
	if w == nil {
		return s.queryRows(ctx, args)
	}
	ctx, err := w.enter(ctx, s.query)
	if err != nil {
		return nil, err
	}
	r, err := s.queryRows(ctx, args)
	if err = w.leave(ctx, s.query, err); err != nil {
		return nil, err
	}
	return &rows{inner: r, w: w, ctx: ctx}, nil
}

func (s *stmt) queryRows(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := s.Stmt.(driver.StmtQueryContext); ok {
		return q.QueryContext(ctx, args)
	}
	values, err := plain(args)
	if err != nil {
		return nil, err
	}
	return s.Stmt.Query(values) //nolint:staticcheck // what drivers without contexts have
}

func plain(args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errors.New("sqladapter: the driver does not know named arguments")
		}
		values[i] = a.Value
	}
	return values, nil
}
