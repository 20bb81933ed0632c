package sqladapter

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync/atomic"

	"github.com/reprise-go/reprise/retryable"
)

// connector wraps the driver's connector.
type connector struct {
	driver.Connector
	failovers *atomic.Uint64 // how often connections were found to lead to the wrong server
}

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	born := c.failovers.Load()
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		// database/sql dials on the goroutine of who begins; what it dials on its own
		// has no attempt.
		if w, ok := ctx.Value(beginKey{}).(*work); ok && ctx.Err() != nil {
			w.unanswered = true
		}
		return nil, &dialError{err}
	}
	wrapped := &conn{inner: inner, failovers: c.failovers, born: born}
	// database/sql treats connections with a Validator in another way.
	if v, ok := inner.(driver.Validator); ok {
		return &validConn{wrapped, v}, nil
	}
	return wrapped, nil
}

// dialError is the error of a connection that could not be made. Some of them come from
// dials that database/sql makes for whoever waits longest.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// Close implements [io.Closer].
func (c connector) Close() error {
	if closer, ok := c.Connector.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// conn wraps the driver's connection. Outside of attempts w is nil, and it passes
// everything through. Optional interfaces that the driver does not have are
// answered as database/sql itself does without them.
type conn struct {
	inner driver.Conn
	w     *work // of the attempt whose transaction is open

	failovers *atomic.Uint64 // of the connector
	born      uint64         // failovers when it was made
	unfit     bool           // BEGIN has shown that it must not be used again
}

// validConn is a conn whose driver has a Validator.
type validConn struct {
	*conn
	driver.Validator
}

// Raw returns the driver's own connection.
func (c *conn) Raw() driver.Conn { return c.inner }

// forget ends the transaction of an attempt.
func (c *conn) forget() { c.w = nil }

// lost is told why the connection is given up. Many that meet one failover count it
// once.
func (c *conn) lost(reason retryable.Reason) {
	if reason == retryable.Failover {
		c.failovers.CompareAndSwap(c.born, c.born+1)
	}
}

// refused judges a connection on which w could not begin. A driver that calls it lost
// closes it by itself; a server that refuses leaves it alive.
func (c *conn) refused(w *work, err error) {
	f := w.fault(err, retryable.Connect)
	reason := w.db.cfg.Classify(f)
	c.lost(reason)
	bad := w.db.cfg.Unusable
	c.unfit = reason.Lost() || bad != nil && bad(f)
}

// Close implements [driver.Conn].
func (c *conn) Close() error { return c.inner.Close() }

// Ping implements [driver.Pinger].
func (c *conn) Ping(ctx context.Context) error {
	if p, ok := c.inner.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// ResetSession implements [driver.SessionResetter]. Connections that were made before
// the last failover are not used again: they lead where that one led.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.unfit || c.born != c.failovers.Load() {
		return driver.ErrBadConn
	}
	if r, ok := c.inner.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// CheckNamedValue implements [driver.NamedValueChecker].
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.inner.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Begin implements [driver.Conn]; database/sql uses BeginTx.
func (c *conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

// BeginTx implements [driver.ConnBeginTx]. The context says which attempt begins
// here, if any.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	w, _ := ctx.Value(beginKey{}).(*work)
	if w != nil && w.checked && c.Ping(ctx) != nil {
		return nil, driver.ErrBadConn // the pool tries the next
	}
	inner, err := c.begin(ctx, o)
	if err != nil && w != nil {
		c.refused(w, err)
	}
	if err != nil || w == nil {
		return inner, err
	}
	c.w, w.begun = w, &driverTx{inner: inner, conn: c, w: w}
	return w.begun, nil
}

func (c *conn) begin(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.inner.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, o)
	}
	if o != (driver.TxOptions{}) {
		return nil, errors.New("sqladapter: the driver knows neither isolation levels nor READ ONLY")
	}
	return c.inner.Begin() //nolint:staticcheck // what drivers without BeginTx have
}

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	x, ok := c.inner.(driver.ExecerContext)
	switch {
	case !ok:
		return nil, driver.ErrSkip
	case c.w == nil:
		return x.ExecContext(ctx, query, args)
	}
	ctx, err := c.w.enter(ctx, query)
	if err != nil {
		return nil, err
	}
	res, err := x.ExecContext(ctx, query, args)
	return res, c.w.leave(ctx, query, err)
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	q, ok := c.inner.(driver.QueryerContext)
	switch {
	case !ok:
		return nil, driver.ErrSkip
	case c.w == nil:
		return q.QueryContext(ctx, query, args)
	}
	ctx, err := c.w.enter(ctx, query)
	if err != nil {
		return nil, err
	}
	r, err := q.QueryContext(ctx, query, args)
	if err = c.w.leave(ctx, query, err); err != nil {
		return nil, err
	}
	return &rows{inner: r, w: c.w, ctx: ctx}, nil
}

// Prepare implements [driver.Conn].
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	w := c.w
	if w != nil {
		var err error
		if ctx, err = w.enter(ctx, ""); err != nil {
			return nil, err
		}
	}
	inner, err := c.prepare(ctx, query)
	if w != nil {
		err = w.leave(ctx, "", err)
	}
	if err != nil {
		return nil, err
	}
	return wrapStmt(inner, c, query), nil
}

func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.inner.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	return c.inner.Prepare(query)
}
