package pgadapter

import (
	"database/sql/driver"

	"github.com/jackc/pgx/v5"
)

// Severed reports whether the server has closed a connection of pgx's stdlib, or one
// that wraps it and has Raw, although pgx has not noticed yet. It looks at the socket
// and does not wait; on Windows it never knows. sqladapter asks it before COMMIT.
func Severed(c driver.Conn) bool {
	for c != nil {
		switch x := c.(type) {
		case interface{ Conn() *pgx.Conn }:
			pg := x.Conn().PgConn()
			return pg.IsClosed() || severed(pg.Conn())
		case interface{ Raw() driver.Conn }:
			c = x.Raw()
		default:
			return false
		}
	}
	return false
}
