package sqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// deadTx returns a transaction whose every method answers err, but for Rollback,
// which ends it. database/sql has no other way to make one than a driver for it.
func deadTx(err error) *sql.Tx {
	pool := sql.OpenDB(deadConnector{err})
	tx, beginErr := pool.BeginTx(context.Background(), nil)
	if beginErr != nil {
		panic("sqladapter: a driver that cannot fail failed: " + beginErr.Error())
	}
	_ = pool.Close() // the transaction keeps its connection
	return tx
}

// deadConnector makes connections on which nothing works.
type deadConnector struct{ err error }

func (d deadConnector) Connect(context.Context) (driver.Conn, error) { return deadConn(d), nil }
func (d deadConnector) Driver() driver.Driver                        { return d }
func (d deadConnector) Open(string) (driver.Conn, error)             { return deadConn(d), nil }

type deadConn struct{ err error }

func (d deadConn) Prepare(string) (driver.Stmt, error) { return nil, d.err }
func (d deadConn) Close() error                        { return nil }
func (d deadConn) Begin() (driver.Tx, error)           { return d, nil }
func (d deadConn) Commit() error                       { return d.err }
func (d deadConn) Rollback() error                     { return nil }

func (d deadConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, d.err
}

func (d deadConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return nil, d.err
}

// CheckNamedValue takes everything, so that the error of an argument does not hide
// the reason.
func (d deadConn) CheckNamedValue(*driver.NamedValue) error { return nil }
