package mysqladapter

import (
	"context"
	"database/sql/driver"
	"time"
)

// killTimeout bounds the way to the server of a KILL.
const killTimeout = 2 * time.Second

// kill ends the session of a connection that the driver has given up in the middle
// of a statement: the server would finish the statement, and keep its locks, before
// it noticed. Where the server cannot be reached there is nothing to be done, and it
// will notice by itself.
func (c *connector) kill(abandoned driver.Conn) {
	victim, ok := abandoned.(*conn)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return
	}
	defer inner.Close()
	if x, ok := inner.(driver.ExecerContext); ok {
		_, _ = x.ExecContext(ctx, "kill connection "+victim.id, nil)
	}
}
