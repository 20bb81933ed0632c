package sqlfault

import (
	"context"
	"database/sql/driver"
	"io"
	"sync"

	"modernc.org/sqlite"
)

// raw is what connections of modernc.org/sqlite are.
type raw interface {
	driver.Conn
	driver.Pinger
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
	RegisterRollbackHook(sqlite.RollbackHookFn)
}

var _ raw = (*conn)(nil)

// conn is a connection that can be cut. All that touches the driver goes through
// call, also what its statements, rows and transaction do.
type conn struct {
	owner *Connector
	inner raw

	mu     sync.Mutex
	busy   int  // calls inside of the driver
	cut    bool // answer driver.ErrBadConn
	closed bool // inner is
	open   map[io.Closer]struct{}
}

// call runs f inside of the driver, unless the connection has been cut.
func (c *conn) call(f func() error) (err error) {
	c.mu.Lock()
	if c.cut || c.closed {
		c.mu.Unlock()
		return driver.ErrBadConn
	}
	c.busy++
	c.mu.Unlock()
	c.owner.calls.Add(1)
	defer func() { // also when the driver panics
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy--
		if c.cut {
			err = driver.ErrBadConn
			_ = c.shut()
		}
	}()
	return f()
}

// cutOff cuts the connection, and reports whether it was alive.
func (c *conn) cutOff() bool {
	c.owner.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut || c.closed {
		return false
	}
	c.cut = true
	_ = c.shut()
	return true
}

// shut closes the driver's connection, unless a call is inside of it, or it has
// been closed. Rows and statements go first: SQLite would keep the transaction of
// a connection that has some. Rows stand on statements, so they go before them.
func (c *conn) shut() error {
	if c.busy > 0 || c.closed {
		return nil
	}
	c.closed = true
	for o := range c.open {
		if _, ok := o.(driver.Rows); ok {
			_ = o.Close()
			delete(c.open, o)
		}
	}
	for o := range c.open {
		_ = o.Close()
	}
	c.open = nil
	return c.inner.Close()
}

// keep notes that o, of the driver, is to be closed before the connection. Only
// for use inside of call.
func (c *conn) keep(o io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[o] = struct{}{}
}

// release closes o, unless that has been done, by a cut for example.
func (c *conn) release(o io.Closer) (err error) {
	began := false
	err = c.call(func() error {
		began = true
		c.mu.Lock()
		_, open := c.open[o]
		delete(c.open, o)
		c.mu.Unlock()
		if !open {
			return nil
		}
		return o.Close()
	})
	if !began {
		return nil
	}
	return err
}

// Raw returns the driver's own connection. Do not cut it while you use it.
func (c *conn) Raw() driver.Conn { return c.inner }

// Close implements [driver.Conn].
func (c *conn) Close() error {
	c.owner.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return nil
	}
	return c.shut()
}

// RegisterRollbackHook is the driver's.
func (c *conn) RegisterRollbackHook(f sqlite.RollbackHookFn) {
	_ = c.call(func() error { c.inner.RegisterRollbackHook(f); return nil })
}

// IsValid implements [driver.Validator].
func (c *conn) IsValid() (valid bool) {
	err := c.call(func() error { valid = c.inner.IsValid(); return nil })
	return valid && err == nil
}

// ResetSession implements [driver.SessionResetter].
func (c *conn) ResetSession(ctx context.Context) error {
	return c.call(func() error { return c.inner.ResetSession(ctx) })
}

// Ping implements [driver.Pinger].
func (c *conn) Ping(ctx context.Context) error {
	return c.call(func() error { return c.inner.Ping(ctx) })
}

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.call(func() error {
		res, err = c.inner.ExecContext(ctx, query, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(func() (driver.Rows, error) { return c.inner.QueryContext(ctx, query, args) })
}
