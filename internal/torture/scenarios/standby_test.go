package scenarios

import (
	"context"
	"database/sql"
	"net/http"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/torture"
)

// waiting counts the COMMITs that wait for a standby.
const waiting = `select count(*) from pg_stat_activity where wait_event = 'SyncRep' and datname = current_database()`

// standbys names those that COMMIT waits for.
func (s *stage) standbys(names string) {
	s.t.Helper()
	s.bed.Exec(s.t, `alter system set synchronous_standby_names = '`+names+`'`)
	s.bed.Exec(s.t, `select pg_reload_conf()`)
	dbtest.Eventually(s.t, "the setting is there", func() bool {
		var now string
		err := s.bed.Admin.QueryRow(`show synchronous_standby_names`).Scan(&now)
		return err == nil && now == names
	})
}

// syncrepStuck: COMMIT waits for a standby that is not there. Nobody can say whether it
// will stay, and nobody ends it. With a key the client may send it again.
//
// Mutation seen to fail it: end the session whatever it does.
func syncrepStuck(t *testing.T, e torture.Engine) {
	policy := torture.Patient()
	policy.CommitTimeout, policy.ResolveFor = 300*time.Millisecond, 700*time.Millisecond
	forVariants(t, e, func(t *testing.T, v variant) {
		o := setup{bed: own, variant: v, policy: policy, unknown: 1}
		var header http.Header
		if v == byLedger { // which asks for longer before it ends anybody
			o.policy.ResolveFor, o.app.Middleware, header = 2500*time.Millisecond, everybodysKeys(0), key("k")
		}
		s := newStage(t, e, o)
		s.want("unharmed", s.try(nil), once(1, 0))
		s.standbys("nobody")
		want := unknown("[]") // not visible yet
		want.retryAfter = v == byLedger
		s.want("syncrep-stuck", s.try(header), want)
		if n := s.bed.Number(t, waiting); n != 1 {
			t.Errorf("%d COMMITs wait", n)
		}
		s.standbys("")
		dbtest.Eventually(t, "it is committed", func() bool { return len(s.effects("r2")) == 1 })
		if v == byLedger {
			got, err := s.request(context.Background(), "r2", header)
			s.must(err)
			s.want("again", s.told(got, "r2", 0, 0), seen{status: 200, attempt: 1, effects: "[1]"})
			s.replayed(got, true)
		}
	})
}

// syncrepCancel: the wait is canceled. The transaction is committed all the same, with a
// warning.
func syncrepCancel(t *testing.T, e torture.Engine) {
	policy := torture.Patient()
	policy.CommitTimeout = 10 * time.Second
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{bed: own, variant: v, policy: policy})
		s.want("unharmed", s.try(nil), once(1, 0))
		s.standbys("nobody")
		done := make(chan seen)
		go func() { done <- s.try(nil) }()
		dbtest.Eventually(t, "COMMIT waits", func() bool { return s.bed.Number(t, waiting) == 1 })
		s.bed.Exec(t, `select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`)
		s.want("syncrep-cancel", <-done, once(1, 0))
		s.standbys("")
		t.Log("OPEN: nobody is told of the server's warning that the transaction was not replicated")
	})
}

// asyncOffCrash: the server confirms COMMITs that it has not written yet, and dies. What
// was acknowledged is lost, and the checkers say so.
func asyncOffCrash(t *testing.T, e torture.Engine) {
	lostOnes := 0
	s := newStage(t, e, setup{
		bed: torture.BedOptions{Own: true, Settings: map[string]string{"synchronous_commit": "off", "wal_writer_delay": "10s"}},
		broken: func(s *stage) {
			for _, v := range s.violations() {
				switch v.Invariant {
				case 2:
					lostOnes++
				case 9: // which sees it as well
				default:
					t.Error(v)
				}
			}
			if lostOnes == 0 {
				t.Error("the checkers report no loss")
			}
			t.Logf("%d of %d requests were acknowledged and lost", lostOnes, len(s.ops))
			t.Log("OPEN: nobody warns of synchronous_commit = off at the start")
		},
	})
	for range 20 {
		if got := s.try(nil); got.status != 200 || got.runs != 1 {
			t.Errorf("%+v", got)
		}
	}
	s.must(s.crash())
}

// follow gives the server a standby, which is not waited for.
func (s *stage) follow(ctx context.Context) *pgserver.Server {
	s.t.Helper()
	standby, err := s.bed.PG.Standby(ctx, pgserver.Config{Settings: map[string]string{"wal_retrieve_retry_interval": "100ms"}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.must(standby.Close()) })
	return standby
}

// promoteLostTail: a COMMIT is lost since the standby, which is promoted, never got it.
func promoteLostTail(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		ctx := context.Background()
		s := newStage(t, e, setup{bed: own, variant: v, unknown: v.may(1)})
		standby := s.follow(ctx)
		defer s.end()
		s.want("unharmed", s.try(nil), once(1, 0))
		there := `select case when pg_last_wal_replay_lsn() >= '` + s.text(`select pg_current_wal_lsn()::text`) + `' then 1 else 0 end`
		admin, err := sql.Open("pgx", standby.URL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = admin.Close() })
		dbtest.Eventually(t, "the standby has it all", func() bool {
			var yes bool
			return admin.QueryRow(there).Scan(&yes) == nil && yes
		})
		// From here on it gets nothing more.
		for _, q := range []string{`alter system set primary_conninfo = ''`, `select pg_reload_conf()`} {
			if _, err := admin.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		dbtest.Eventually(t, "replication has ended", func() bool { return s.bed.Number(t, `select count(*) from pg_stat_replication`) == 0 })

		hit := s.onCommit(faultproxy.Rule{AwaitReply: true, Then: faultproxy.CutClient})
		held := s.bed.Proxy.Add(faultproxy.Rule{When: v.look(), Do: faultproxy.Drop, Then: faultproxy.BlackHole})
		stop := s.when(hit, func() {
			<-hit.Done()
			s.must(s.promote(ctx, standby))
		})
		got := s.try(nil)
		stop()
		held.Remove()
		s.want("promote-lost-tail", got, lost(v))
	})
}

// promote makes the standby the server of the bed, in the place of the primary, which
// dies.
func (s *stage) promote(ctx context.Context, standby *pgserver.Server) error {
	s.bed.Proxy.Refuse(true)
	defer s.bed.Proxy.Refuse(false)
	if err := s.bed.PG.Kill(); err != nil {
		return err
	}
	if err := standby.Promote(ctx); err != nil {
		return err
	}
	admin, err := sql.Open("pgx", standby.URL())
	if err != nil {
		return err
	}
	admin.SetMaxIdleConns(-1)
	s.must(s.bed.Admin.Close())
	s.bed.Admin = admin
	s.bed.Proxy.SetUpstream(standby.Addr())
	s.bed.Proxy.CutAll(faultproxy.RST)
	return nil
}

// text returns the one text that a query answers, past the proxy.
func (s *stage) text(query string) (v string) {
	s.t.Helper()
	if err := s.bed.Admin.QueryRow(query).Scan(&v); err != nil {
		s.t.Fatal(err)
	}
	return v
}

// promoteKept: COMMIT was replicated, its answer is lost with the primary, and the standby
// that is promoted has it.
//
// Mutation seen to fail it: do not compare the tokens.
func promoteKept(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{bed: own, variant: v, unknown: v.may(1)})
		s.want("unharmed", s.try(nil), once(1, 0))
		s.bed.AddStandby(t)
		defer s.end()
		hit := s.onCommit(faultproxy.Rule{AwaitReply: true, Then: faultproxy.CutClient})
		held := s.bed.Proxy.Add(faultproxy.Rule{When: v.look(), Do: faultproxy.Drop, Then: faultproxy.BlackHole})
		stop := s.when(hit, func() {
			<-hit.Done()
			s.must(s.bed.Promote(context.Background()))
		})
		got := s.try(nil)
		stop()
		held.Remove()
		want := once(1, 1)
		if v == byXid {
			want = unknown("[1]")
		}
		s.want("promote-kept", got, want)
	})
}

// lookupOnStandby: the one who looks is sent to a server that takes no writes, and may
// lag behind. It is not believed, and the next one is asked.
//
// Mutation seen to fail it: do not ask whether the server is read-only (MariaDB).
func lookupOnStandby(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		s := newStage(t, e, setup{bed: own, variant: v})
		s.want("unharmed", s.try(nil), once(1, 0))
		astray, back := s.astray()
		defer s.end()
		for name, tt := range map[string]struct {
			rule faultproxy.Rule
			want seen
		}{
			"committed":     {faultproxy.Rule{AwaitReply: true, Then: faultproxy.CutClient}, once(1, 1)},
			"not committed": {faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.CutBoth}, once(2, 1)},
		} {
			s.want("on its way there", s.try(nil), once(1, 0))
			astray()
			s.onCommit(tt.rule)
			refused := s.bed.Proxy.Add(faultproxy.Rule{When: s.refusal(), Nth: 2})
			stop := s.when(refused, back)
			s.want(name, s.try(nil), tt.want)
			stop()
			if refused.Count() != 1 {
				t.Errorf("%s: nobody was asked twice", name)
			}
		}
	})
}

// refusal is the message that a look-up begins with on a server that takes no writes.
func (s *stage) refusal() faultproxy.Trigger {
	if s.bed.Engine == torture.MariaDB {
		return faultproxy.SQL("@@global.read_only")
	}
	return s.o.variant.look()
}

// astray returns what sends new connections to a server that takes no writes, and what
// ends that. On MariaDB it is the same server.
func (s *stage) astray() (astray, back func()) {
	s.t.Helper()
	if s.bed.Engine == torture.MariaDB {
		return func() { s.bed.Exec(s.t, `set global read_only = 1`) }, func() { s.bed.Exec(s.t, `set global read_only = 0`) }
	}
	standby := s.follow(context.Background())
	return func() { s.bed.Proxy.SetUpstream(standby.Addr()) }, func() { s.bed.Proxy.SetUpstream(s.bed.PG.Addr()) }
}
