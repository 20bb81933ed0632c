package pgadapter

import "github.com/jackc/pgx/v5"

// bornKey is where a connection keeps how many failovers there had been when it was first
// used.
const bornKey = "github.com/reprise-go/reprise/pgadapter.born"

// born notes that.
func (db *DB) born(conn *pgx.Conn) {
	data := conn.PgConn().CustomData()
	if _, ok := data[bornKey]; !ok {
		data[bornKey] = db.failovers.Load()
	}
}

// failedOver has the pool give up its connections, since one of them has turned out to
// lead to a server that takes no writes: those that were made with it lead there, too.
// It does so once for all of them.
func (db *DB) failedOver(conn *pgx.Conn) {
	if n, ok := conn.PgConn().CustomData()[bornKey].(uint64); ok && db.failovers.CompareAndSwap(n, n+1) {
		db.pool.Reset()
	}
}
