package provoked_test

import (
	"context"
	"database/sql/driver"
	"net"
	"strconv"
)

// dial dials what the connection string says, or the detour.
func (d *mariaDB) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if to := d.detour.Load(); to != nil {
		network, addr = to.network, to.addr
	}
	var dialer net.Dialer
	socket, err := dialer.DialContext(ctx, network, addr)
	if err == nil {
		d.socket.Store(socket)
	}
	return socket, err
}

// mariaConnector notes the connections it makes.
type mariaConnector struct {
	driver.Connector
	d *mariaDB
}

func (c mariaConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if id, ok := mariaValue(ctx, conn, "select connection_id()"); ok { // else the adapter meets the error
		c.d.conns.Store(id, conn)
	}
	return conn, nil
}

// mariaValue asks the driver's own connection.
func mariaValue(ctx context.Context, conn driver.Conn, query string) (string, bool) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, query, nil)
	if err != nil {
		return "", false
	}
	defer rows.Close()
	dest := make([]driver.Value, 1)
	if rows.Next(dest) != nil {
		return "", false
	}
	switch v := dest[0].(type) {
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case []byte:
		return string(v), true
	}
	return "", false
}
