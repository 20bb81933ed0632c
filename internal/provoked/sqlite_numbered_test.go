package provoked_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"sync/atomic"
)

// liteNumbered makes connections that can be told apart, since SQLite has no name for
// them.
type liteNumbered struct {
	driver.Connector
	opening string // a statement for every connection; "" for none

	count atomic.Int64
	last  atomic.Int64 // the one that BEGIN came to last
}

// begunOn and begun set and tell which connection BEGIN came to last, from 1.
func (n *liteNumbered) begunOn(number int64) { n.last.Store(number) }
func (n *liteNumbered) begun() int           { return int(n.last.Load()) }

// Connect implements [driver.Connector].
func (n *liteNumbered) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := n.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	c, ok := inner.(liteConn)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("%T is no connection of modernc.org/sqlite", inner)
	}
	if n.opening != "" {
		if _, err := c.ExecContext(ctx, n.opening, nil); err != nil {
			_ = inner.Close()
			return nil, err
		}
	}
	return liteNumberedConn{c, n, n.count.Add(1)}, nil
}

// liteConn is what sqliteadapter expects of connections.
type liteConn interface {
	driver.Conn
	driver.Pinger
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
}

type liteNumberedConn struct {
	liteConn
	all    *liteNumbered
	number int64
}

// Raw returns the connection beneath.
func (c liteNumberedConn) Raw() driver.Conn { return c.liteConn }

// BeginTx implements [driver.ConnBeginTx].
func (c liteNumberedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.all.begunOn(c.number)
	return c.liteConn.BeginTx(ctx, o)
}

// liteNumberOf returns the number of a connection as database/sql has it, 0 without one.
func liteNumberOf(dc any) int {
	for {
		switch v := dc.(type) {
		case liteNumberedConn:
			return int(v.number)
		case interface{ Raw() driver.Conn }:
			dc = v.Raw()
		default:
			return 0
		}
	}
}
