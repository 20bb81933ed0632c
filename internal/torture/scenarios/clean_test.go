package scenarios

import (
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
)

// leftovers are queries that answer 0 where nothing is left behind in the stage's own
// database; others go on at the same time.
var leftovers = map[torture.Engine]map[string]string{
	torture.Postgres: {
		"nobody sits in a transaction": `select count(*) from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()`,
		"nothing is prepared":          `select count(*) from pg_prepared_xacts where database = current_database()`,
		"nobody waits for a lock":      `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
	},
	torture.MariaDB: {
		"there is no transaction": `select count(*) from information_schema.innodb_trx t
			join information_schema.processlist p on p.id = t.trx_mysql_thread_id where p.db = database() and p.id <> connection_id()`,
	},
}

// clean is invariant 10: nothing is left of the requests, neither here nor on the server.
// What sits in a black hole is cut first.
func (s *stage) clean() {
	s.t.Helper()
	s.bed.Proxy.Clear()
	s.bed.Proxy.CutAll(faultproxy.RST)
	for what, query := range leftovers[s.bed.Engine] {
		dbtest.Within(s.t, 15*time.Second, what, func() bool { return s.bed.Number(s.t, query) == 0 })
	}
	s.app.CheckClean(s.t)
}
