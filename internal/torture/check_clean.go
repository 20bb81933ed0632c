package torture

import (
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// leftovers are queries that answer 0 where nothing is left behind.
var leftovers = map[Engine]map[string]string{
	Postgres: {
		"sessions in a transaction": `select count(*) from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()`,
		"prepared transactions":     `select count(*) from pg_prepared_xacts`,
		"waits for locks":           `select count(*) from pg_locks where not granted`,
	},
	MariaDB: {
		"transactions": `select count(*) from information_schema.innodb_trx where trx_mysql_thread_id <> connection_id()`,
	},
}

// CleanEnd is invariant 10: nothing is left of the requests, neither here nor on the
// server. What sits in a black hole is cut first.
func CleanEnd(tb testing.TB, a *App) []Violation {
	tb.Helper()
	c := complaints{invariant: 10}
	a.Bed.Proxy.Clear()
	a.Bed.Proxy.CutAll(faultproxy.RST)
	deadline := time.Now().Add(25 * time.Second) // pgx may keep a connection for 15 s
	for what, query := range leftovers[a.Bed.Engine] {
		until(deadline, func() bool { return a.Bed.Number(tb, query) == 0 }, func() { c.addf("there are %s", what) })
	}
	until(deadline, func() bool { return a.InUse() == 0 }, func() { c.addf("%d connections are in use", a.InUse()) })
	return c.all
}

// until asks until it is so, or calls otherwise.
func until(deadline time.Time, so func() bool, otherwise func()) {
	for !so() {
		if time.Now().After(deadline) {
			otherwise()
			return
		}
		time.Sleep(10 * time.Millisecond) // the server's own list is behind by as much
	}
}
