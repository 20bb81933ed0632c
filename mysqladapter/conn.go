package mysqladapter

import (
	"context"
	"database/sql/driver"
	"time"
)

// raw is what connections of github.com/go-sql-driver/mysql are.
type raw interface {
	driver.Conn
	driver.Pinger
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// conn is a connection, its id on the server, and the server's version.
type conn struct {
	raw
	id, version string
	made        time.Time
	session     session
	statements  statements
}

// ServerVersion implements [sqladapter.Server].
func (c *conn) ServerVersion() string { return c.version }

// Raw returns the driver's own connection. What is done with it is not seen.
func (c *conn) Raw() driver.Conn {
	c.session.unsure = true
	return c.raw
}

// BeginTx implements [driver.ConnBeginTx]. A connection whose BEGIN fails is closed:
// the isolation level that was set before would be the next transaction's.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if !c.session.manual {
		if _, err := c.raw.BeginTx(ctx, o); err != nil {
			_ = c.Close()
			return nil, err
		}
		return &tx{c}, nil
	}
	if !c.IsValid() {
		return nil, driver.ErrBadConn
	}
	want, err := c.session.begin(o)
	if err != nil {
		return nil, err
	}
	if err := c.become(ctx, want); err != nil {
		return nil, err
	}
	c.session.inTx = true
	return &tx{c}, nil
}

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	if err := c.ready(ctx, query); err != nil {
		return nil, err
	}
	res, err = c.raw.ExecContext(ctx, query, args)
	if err != driver.ErrSkip { //nolint:errorlint // driver's contract
		return res, err
	}
	err = c.withStatement(ctx, query, args, func(s driver.Stmt) (err error) {
		res, err = s.(driver.StmtExecContext).ExecContext(ctx, args)
		return err
	})
	return res, err
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	if err := c.ready(ctx, query); err != nil {
		return nil, err
	}
	rows, err = c.raw.QueryContext(ctx, query, args)
	if err != driver.ErrSkip { //nolint:errorlint // driver's contract
		return rows, err
	}
	err = c.withStatement(ctx, query, args, func(s driver.Stmt) (err error) {
		rows, err = s.(driver.StmtQueryContext).QueryContext(ctx, args)
		return err
	})
	return rows, err
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	inner, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if r, ok := inner.(rawStmt); ok {
		return &stmt{r, c, query}, nil
	}
	return inner, nil
}
