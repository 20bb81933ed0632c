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
	c.killIf(context.Background(), abandoned, func(context.Context, raw, *conn) bool { return true })
}

// killIf ends the session of a connection if sure still says so, on another.
func (c *connector) killIf(ctx context.Context, gone driver.Conn, sure func(context.Context, raw, *conn) bool) {
	victim, ok := gone.(*conn)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return
	}
	defer inner.Close()
	if r, ok := inner.(raw); ok && sure(ctx, r, victim) {
		_, _ = r.ExecContext(ctx, "kill connection "+victim.id, nil)
	}
}
