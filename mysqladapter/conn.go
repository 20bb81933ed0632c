package mysqladapter

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"
)

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

// conn is a connection, its id on the server, and the server's version.
type conn struct {
	raw
	id, version string
	made        time.Time
}

// ServerVersion implements [sqladapter.Server].
func (c *conn) ServerVersion() string { return c.version }

// Raw returns the driver's own connection.
func (c *conn) Raw() driver.Conn { return c.raw }

// BeginTx implements [driver.ConnBeginTx]. A connection whose BEGIN fails is closed:
// the isolation level that was set before would be the next transaction's.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	inner, err := c.raw.BeginTx(ctx, o)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return &tx{inner, c.raw}, nil
}

// identity asks for the id of a connection and the version of its server.
func identity(ctx context.Context, c raw) (id, version string, err error) {
	rows, err := c.QueryContext(ctx, "select connection_id(), version()", nil)
	if err != nil {
		return "", "", err
	}
	defer rows.Close()
	dest := make([]driver.Value, 2)
	if err := rows.Next(dest); err != nil {
		return "", "", err
	}
	version, _ = text(dest[1])
	if id, ok := text(dest[0]); ok {
		if _, err := strconv.ParseUint(id, 10, 64); err == nil {
			return id, version, nil
		}
	}
	return "", "", fmt.Errorf("mysqladapter: the server's connection_id() is a %T", dest[0])
}

// text returns a value of the text protocol, which the driver may have parsed.
func text(v driver.Value) (string, bool) {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case []byte:
		return string(v), true
	case string:
		return v, true
	}
	return "", false
}
