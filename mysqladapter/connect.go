package mysqladapter

import (
	"context"
	"database/sql/driver"
	"fmt"
	"os"
	"syscall"
	"time"
)

// connectTimeout bounds the making of a connection where the DSN does not say
// timeout.
const connectTimeout = 10 * time.Second

// notWritten is the text of an error of the driver's own that it exports only as
// driver.ErrBadConn, and forgets to while connecting.
const notWritten = "bad connection"

// connector makes connections that know their id, and does not wait for ever.
type connector struct {
	driver.Connector
	limit            time.Duration
	startTransaction bool // see Config
}

// Connect implements [driver.Connector]. The driver's own timeout is for dialing
// alone; a server that then says nothing would be waited for as long as ctx lives,
// which is that of the pool where database/sql replaces a connection.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	made, err := c.connect(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		// Not err, which is a context's: nobody's context has ended.
		return nil, fmt.Errorf("mysqladapter: no answer from the server within %v: %w", c.limit, os.ErrDeadlineExceeded)
	}
	return made, err
}

// connect asks who they are once in the life of the connection.
func (c *connector) connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		if err.Error() == notWritten {
			err = fmt.Errorf("mysqladapter: the server hung up before the first word to it: %w", syscall.EPIPE)
		}
		return nil, err
	}
	r, ok := inner.(raw)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("mysqladapter: %T is no connection of github.com/go-sql-driver/mysql", inner)
	}
	id, version, err := identity(ctx, r)
	if err != nil {
		_ = inner.Close()
		return nil, err
	}
	made := &conn{raw: r, id: id, version: version, made: time.Now()}
	if c.startTransaction {
		return made, nil
	}
	if err := made.session.read(ctx, r, version); err != nil {
		_ = inner.Close()
		return nil, err
	}
	return made, nil
}
