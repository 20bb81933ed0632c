package mysqladapter

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"
)

// connector makes connections that know their id on the server.
type connector struct{ driver.Connector }

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

// conn is a connection and its id.
type conn struct {
	raw
	id string
}

// Raw returns the driver's own connection.
func (c *conn) Raw() driver.Conn { return c.raw }

// Connect implements [driver.Connector]. It asks for the id once in the life of the
// connection.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	r, ok := inner.(raw)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("mysqladapter: %T is no connection of github.com/go-sql-driver/mysql", inner)
	}
	id, err := connectionID(ctx, r)
	if err != nil {
		_ = inner.Close()
		return nil, err
	}
	return &conn{raw: r, id: id}, nil
}

func connectionID(ctx context.Context, c raw) (string, error) {
	rows, err := c.QueryContext(ctx, "select connection_id()", nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	dest := make([]driver.Value, 1)
	if err := rows.Next(dest); err != nil {
		return "", err
	}
	switch id := dest[0].(type) {
	case int64:
		return strconv.FormatInt(id, 10), nil
	case uint64:
		return strconv.FormatUint(id, 10), nil
	case []byte:
		if _, err := strconv.ParseUint(string(id), 10, 64); err == nil {
			return string(id), nil
		}
	}
	return "", fmt.Errorf("mysqladapter: the server's connection_id() is a %T", dest[0])
}

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
