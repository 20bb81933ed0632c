package sqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// deadTx returns a transaction whose every method answers err, but for Rollback,
// which ends it.
func deadTx(err error) *sql.Tx { return newDeadTx(deadConn{err: err, ended: func() {}}) }

// newDeadTx makes a transaction of nothing. database/sql has no other way to make one
// than a driver for it.
func newDeadTx(conn deadConn) *sql.Tx {
	pool := sql.OpenDB(conn)
	tx, err := pool.BeginTx(context.Background(), nil)
	if err != nil {
		panic("sqladapter: a driver that cannot fail failed: " + err.Error())
	}
	_ = pool.Close() // the transaction keeps its connection
	return tx
}

// deadConn is a driver, and its connection and transaction, on which nothing works.
type deadConn struct {
	err      error
	rollback error  // of Rollback
	ended    func() // is called by Commit and Rollback
}

func (d deadConn) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d deadConn) Driver() driver.Driver                        { return d }
func (d deadConn) Open(string) (driver.Conn, error)             { return d, nil }
func (d deadConn) Prepare(string) (driver.Stmt, error)          { return nil, d.err }
func (d deadConn) Close() error                                 { return nil }
func (d deadConn) Begin() (driver.Tx, error)                    { return d, nil }
func (d deadConn) Commit() error                                { d.ended(); return d.err }
func (d deadConn) Rollback() error                              { d.ended(); return d.rollback }

func (d deadConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, d.err
}

func (d deadConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return nil, d.err
}

// CheckNamedValue takes everything, so that the error of an argument does not hide
// the reason.
func (d deadConn) CheckNamedValue(*driver.NamedValue) error { return nil }
