package pgadapter

import (
	"sync"

	"github.com/jackc/pgx/v5"
)

// loners are statements that BEGIN does not travel with, since their arguments could not
// be encoded once: pgx gives up a connection with which that happens behind BEGIN. So a
// text in the place of a number costs one connection, and not one for each request.
type loners struct {
	mu   sync.RWMutex
	sqls map[string]struct{}
}

// most is how many are kept; then it begins anew.
const most = 1000

// alone reports whether BEGIN must be sent by itself before sql.
func (db *DB) alone(sql string) bool {
	if db.cfg.TxOptions.BeginQuery != "" || ends(sql) { // which may be several statements
		return true
	}
	db.loners.mu.RLock()
	defer db.loners.mu.RUnlock()
	_, ok := db.loners.sqls[sql]
	return ok
}

func (db *DB) setAlone(sql string) {
	db.loners.mu.Lock()
	defer db.loners.mu.Unlock()
	if db.loners.sqls == nil || len(db.loners.sqls) >= most {
		db.loners.sqls = make(map[string]struct{})
	}
	db.loners.sqls[sql] = struct{}{}
}

// beginSQL returns BEGIN with options.
func beginSQL(o pgx.TxOptions) string {
	var b pgx.Batch
	b.BeginTx(o)
	return b.QueuedQueries[0].SQL
}
