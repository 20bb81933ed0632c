package outage_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// pair is a primary, and a standby that every COMMIT waits for. With asynchronous
// replication a promotion may lose what was acknowledged, whoever asks for it.
type pair struct{ primary, standby *pgserver.Server }

func newPair(t *testing.T) pair {
	t.Helper()
	primary := newPostgres(t)
	standby, err := primary.Standby(t.Context(), pgserver.Config{Settings: map[string]string{"wal_retrieve_retry_interval": "100ms"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Error(err)
		}
	})
	pgExec(t, primary, `alter system set synchronous_standby_names = '*'`)
	pgExec(t, primary, `alter system set synchronous_commit = remote_apply`)
	pgExec(t, primary, `select pg_reload_conf()`)
	conn, err := pgx.Connect(t.Context(), primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	dbtest.Eventually(t, "the standby is waited for", func() (yes bool) {
		err := conn.QueryRow(t.Context(), `select count(*) = 1 from pg_stat_replication where sync_state = 'sync'`).Scan(&yes)
		return err == nil && yes
	})
	return pair{primary, standby}
}

// url names both servers, and wants the one that takes writes.
func (p pair) url() string {
	return fmt.Sprintf("postgres://postgres@%s,%s/postgres?sslmode=disable&connect_timeout=1&target_session_attrs=read-write",
		p.primary.Addr(), p.standby.Addr())
}

// suspend makes COMMITs wait: the standby has them, and does not say so. It returns when some
// do.
func (p pair) suspend(t *testing.T) {
	t.Helper()
	pgExec(t, p.standby, `select pg_wal_replay_pause()`)
	conn, err := pgx.Connect(t.Context(), p.primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	dbtest.Eventually(t, "COMMITs wait for the standby", func() (yes bool) {
		err := conn.QueryRow(t.Context(), `select count(*) >= 10 from pg_stat_activity where wait_event = 'SyncRep'`).Scan(&yes)
		return err == nil && yes
	})
}

// TestPromotion: the primary is killed while COMMITs wait for the standby, and a little
// later that is promoted. Their clients never hear of it, and they have taken effect. One
// service fails fast, one rides through; both have a list of the two servers.
//
// Mutation seen to fail it: a COMMIT without an answer is taken for rolled back.
func TestPromotion(t *testing.T) {
	parallel(t)
	p := newPair(t)
	var loads []*load
	for _, c := range []struct {
		name   string
		policy retryable.Policy
	}{{"fail-fast", retryable.Policy{}}, {"ride-through", patient()}} {
		rec := newRecord()
		loads = append(loads, send(t, serve(c.name, onPgx(t, p.url(), rec, pgadapter.Config{}), rec, c.policy), 100))
	}
	flow(before())
	from := time.Now()
	p.suspend(t)
	if err := p.primary.Kill(); err != nil {
		t.Fatal(err)
	}
	flow(form(time.Second, 5*time.Second)) // who decides takes his time
	if err := p.standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	to := time.Now()
	t.Logf("no server took writes for %v", ms(to.Sub(from)))
	for _, r := range settle(t, loads, from, to, func() map[string]int { return pgEffects(t, p.standby) }) {
		if r.name == "ride-through" && r.ok < r.requests {
			t.Errorf("%d of %d answers were no 200", r.requests-r.ok, r.requests)
		}
	}
}
