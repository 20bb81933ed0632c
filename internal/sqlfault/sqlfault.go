// Package sqlfault makes trouble for databases without a wire, where a proxy has
// nothing to cut: it wraps the driver's connector and breaks its connections from
// within.
//
//	faults := sqlfault.New(connector)
//	db := sqliteadapter.New(faults, sqliteadapter.Config{})
//	... // work
//	faults.CutOne()
//
// It knows modernc.org/sqlite, and has what that has.
package sqlfault

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Connector is a driver.Connector whose connections can be cut. It is safe for
// concurrent use.
//
// A connection that is cut is really closed: the engine rolls its transaction
// back and releases its locks. If a call is inside of it at that time, the
// connection is closed when that call ends, and the call answers
// driver.ErrBadConn even if it succeeded. Every later call on the connection, its
// statements, rows and transaction answers driver.ErrBadConn, IsValid is false,
// and Close returns nil.
type Connector struct {
	inner driver.Connector
	calls atomic.Int64

	mu     sync.Mutex
	live   map[*conn]struct{}
	refuse bool
	losses []*loss
}

// loss is what one LoseCommits ordered.
type loss struct {
	left      int
	delivered bool
	happened  atomic.Int64
}

// New returns a Connector that makes inner's connections, without trouble yet.
func New(inner driver.Connector) *Connector {
	return &Connector{inner: inner, live: make(map[*conn]struct{})}
}

// Connect implements [driver.Connector].
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.refused(); err != nil {
		return nil, err
	}
	inner, err := c.inner.Connect(ctx)
	if err != nil {
		return nil, err
	}
	r, ok := inner.(raw)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("sqlfault: %T is no connection of modernc.org/sqlite", inner)
	}
	wrapped := &conn{owner: c, inner: r, open: make(map[io.Closer]struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live[wrapped] = struct{}{}
	return wrapped, nil
}

// Driver implements [driver.Connector]: the driver beneath.
func (c *Connector) Driver() driver.Driver { return c.inner.Driver() }

// Close implements [io.Closer], for connectors that need it.
func (c *Connector) Close() error {
	if closer, ok := c.inner.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// Refuse makes Connect fail, while on, with an error that wraps driver.ErrBadConn:
// of all errors without a wire the one that says "no connection". Connections
// that are open stay.
func (c *Connector) Refuse(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = on
}

func (c *Connector) refused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse {
		return fmt.Errorf("sqlfault: no connections are accepted: %w", driver.ErrBadConn)
	}
	return nil
}

// CutOne cuts a live connection chosen at random, and reports whether there was
// one.
func (c *Connector) CutOne() bool {
	for {
		victim := c.pick()
		if victim == nil {
			return false
		}
		if victim.cutOff() {
			return true
		}
	}
}

// pick takes a connection out of the live ones.
func (c *Connector) pick() *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.live) == 0 {
		return nil
	}
	n := rand.IntN(len(c.live))
	for victim := range c.live {
		if n == 0 {
			delete(c.live, victim)
			return victim
		}
		n--
	}
	panic("unreachable")
}

// CutAll cuts all connections that are live when it is called, and returns how
// many they were.
func (c *Connector) CutAll() (n int) {
	c.mu.Lock()
	victims := c.live
	c.live = make(map[*conn]struct{})
	c.mu.Unlock()
	for victim := range victims {
		if victim.cutOff() {
			n++
		}
	}
	return n
}

// Conns returns the number of live connections: open, and not cut.
func (c *Connector) Conns() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.live)
}

// Calls returns how many calls have come to the driver, of any kind.
func (c *Connector) Calls() int64 { return c.calls.Load() }

// forget takes a connection that has been closed or cut out of the live ones.
func (c *Connector) forget(gone *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.live, gone)
}

// LoseCommits makes the next n COMMITs lose their answer: their connection is
// cut, and they answer driver.ErrBadConn. If delivered, the engine executes them
// first, and what it says is lost; else they never reach it. The counter is of
// those that have happened. A second order begins when the first is used up.
//
// COMMITs are those of driver.Tx, not text.
func (c *Connector) LoseCommits(n int, delivered bool) *atomic.Int64 {
	order := &loss{left: n, delivered: delivered}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.losses = append(c.losses, order)
	return &order.happened
}

// lose returns the order that the COMMIT at hand falls under, nil for none.
func (c *Connector) lose() *loss {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.losses) > 0 {
		if order := c.losses[0]; order.left > 0 {
			order.left--
			return order
		}
		c.losses = c.losses[1:]
	}
	return nil
}
