package outage_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// TestSwitchover: the primary stops taking writes, the standby is promoted, and the
// address leads there. No connection is cut: those that were made before lead to the old
// primary, which answers 25006, and have to be given up.
func TestSwitchover(t *testing.T) {
	parallel(t)
	for _, c := range []struct {
		name string
		open func(t *testing.T, url string, rec *record) database
	}{
		{"pgadapter", func(t *testing.T, url string, rec *record) database { return onPgx(t, url, rec, pgadapter.Config{}) }},
		{"sqladapter", func(t *testing.T, url string, rec *record) database {
			return onStdlib(t, url, rec, sql.TxOptions{})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			parallel(t)
			p := newPair(t)
			proxy := proxied(t, pgproxy.New, p.primary.Addr())
			rec := newRecord()
			d := c.open(t, pgserver.Via(p.primary.URL(), proxy.Addr())+"&connect_timeout=1", rec)
			l := send(t, serve(c.name, d, rec, retryable.Policy{}), 100)
			flow(before())
			from := time.Now()
			p.demote(t)
			if err := p.standby.Promote(t.Context()); err != nil {
				t.Fatal(err)
			}
			proxy.SetUpstream(p.standby.Addr())
			to := time.Now()
			t.Logf("no server took writes for %v", ms(to.Sub(from)))
			settle(t, []*load{l}, from, to, func() map[string]int { return pgEffects(t, p.standby) })
			checkFailover(t, l)
		})
	}
}

// demote makes the primary read-only, and waits for what is under way.
func (p pair) demote(t *testing.T) {
	t.Helper()
	pgExec(t, p.primary, `alter system set default_transaction_read_only = on`)
	pgExec(t, p.primary, `select pg_reload_conf()`)
	conn, err := pgx.Connect(t.Context(), p.primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	calm := 0
	dbtest.Eventually(t, "nobody writes any more", func() bool {
		var writers int
		err := conn.QueryRow(t.Context(), `select count(*) from pg_stat_activity where backend_xid is not null`).Scan(&writers)
		if err != nil || writers > 0 {
			calm = 0
		}
		calm++
		return calm > 20
	})
}

// TestReadOnlyMaria: the server answers writes with an error for a second, and takes them
// again.
func TestReadOnlyMaria(t *testing.T) {
	parallel(t)
	s := mariatest.New(t, mariaserver.Config{})
	mariaExec(t, s, mariaTables)
	mariaExec(t, s, `create user app@'%'; grant all on test.* to app@'%'`) // root may write
	for _, c := range []struct {
		variable string
		cut      bool // the variable is that of sessions to come
	}{{"read_only", false}, {"tx_read_only", true}} {
		t.Run(c.variable, func(t *testing.T) {
			rec := newRecord()
			cfg, err := mysql.ParseDSN(mariaDSN(t, s.DSN(), rec))
			if err != nil {
				t.Fatal(err)
			}
			cfg.User = "app"
			l := send(t, serve(c.variable, onMaria(t, cfg.FormatDSN()), rec, retryable.Policy{}), 100)
			flow(before())
			from := time.Now()
			mariaExec(t, s, `set global `+c.variable+` = 1`)
			if c.cut {
				if _, err := s.KillConnections(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			flow(time.Second)
			mariaExec(t, s, `set global `+c.variable+` = 0`)
			to := time.Now()
			settle(t, []*load{l}, from, to, func() map[string]int { return mariaEffects(t, s) })
			checkFailover(t, l)
		})
	}
}

func mariaExec(t *testing.T, s *mariaserver.Server, q string) {
	t.Helper()
	if err := s.Exec(t.Context(), q); err != nil {
		t.Fatal(err)
	}
}

// checkFailover: somebody met the server that takes no writes.
func checkFailover(t *testing.T, l *load) {
	t.Helper()
	if l.rec.replays[retryable.Failover] == 0 {
		t.Errorf("nobody met the server that takes no writes: %v", l.rec.replays)
	}
}
