package scenarios

import (
	"context"
	"database/sql"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/torture"
)

// forgetful is a server that writes its log late, so that the number of a transaction
// that was lost with it is given again.
var forgetful = torture.BedOptions{Own: true, Settings: map[string]string{"wal_writer_delay": "10s"}}

// swallowed is a COMMIT that nobody gets.
var swallowed = faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.BlackHole}

// lost is what a request comes to whose COMMIT was lost with the server: with a ledger it
// is replayed, and without nobody can say.
func lost(v variant) seen {
	if v == byXid {
		return unknown("[]")
	}
	return once(2, 1)
}

// backendKill9: the process of one session is killed while it waits for its COMMIT, and
// the server ends all others because of that. They are under way.
func backendKill9(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		const clients = 3
		var pid atomic.Pointer[string]
		o := torture.AppOptions{Isolation: sql.LevelReadCommitted} // who does not conflict with the others
		s := newStage(t, e, setup{bed: forgetful, app: o, variant: v, unknown: v.may(1 + clients), after: func(h hook) {
			if h.attempt == 1 && h.r.Header.Get("X-Victim") != "" {
				victim := h.value(`select pg_backend_pid()::text`)
				pid.Store(&victim)
			}
		}})
		others := s.anotherApp()
		var wg sync.WaitGroup
		over, began := make(chan struct{}), make(chan struct{}, clients)
		for range clients {
			wg.Go(func() {
				for n := 0; ; n++ {
					if n == 1 {
						began <- struct{}{}
					}
					select {
					case <-over:
						return
					default:
					}
					req := s.another()
					got, err := s.requestOf(context.Background(), others, 2, req, nil)
					if err != nil || got.Status != 200 && (v != byXid || !got.Unknown()) {
						t.Errorf("%s: %d %s %v", req, got.Status, got.Body, err)
					}
				}
			})
		}
		for range clients {
			<-began
		}
		hit := s.onCommit(swallowed)
		stop := s.when(hit, func() {
			s.must(killProcess(*pid.Load()))
			s.must(s.bed.Await(context.Background()))
		})
		runs, looked := s.counts()
		got, err := s.request(context.Background(), "victim", map[string][]string{"X-Victim": {"1"}})
		stop()
		close(over)
		wg.Wait()
		s.must(err)
		runsAfter, lookedAfter := s.counts()
		s.want("backend-kill9", s.told(got, "victim", runsAfter-runs, lookedAfter-looked), lost(v))
		if ev := s.lookedUp(); v == byXid && (ev.Err == nil || !strings.Contains(ev.Err.Error(), "restarted")) {
			t.Errorf("the change of the server was not noticed: %v", ev.Err)
		}
	})
}

func killProcess(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	process, err := os.FindProcess(n)
	if err != nil {
		return err
	}
	return process.Kill()
}

// xidReuse: COMMIT was lost with the server, and another session commits first on the one
// that comes back, under the number of the transaction that was lost.
//
// Mutation seen to fail it: do not compare the tokens.
func xidReuse(t *testing.T, e torture.Engine) {
	forVariants(t, e, func(t *testing.T, v variant) {
		var xid atomic.Pointer[string]
		s := newStage(t, e, setup{bed: forgetful, variant: v, unknown: v.may(10), after: func(h hook) {
			if h.attempt == 1 {
				number := h.value(`select pg_current_xact_id()::text`)
				xid.Store(&number)
			}
		}})
		s.bed.Exec(t, `create table bystander (n int)`)
		for range 10 {
			s.try(nil)
			hit := s.onCommit(swallowed)
			stop := s.when(hit, func() {
				s.bed.Proxy.Refuse(true)
				s.must(s.crash())
				for range 5 {
					s.bed.Exec(t, `insert into bystander values (1)`)
				}
				s.bed.Proxy.Refuse(false)
			})
			got := s.try(nil)
			number := *xid.Load()
			stop()
			s.want("xid-reuse", got, lost(v))
			if v != byXid || s.bed.Number(t, `select case when pg_xact_status('`+number+`') = 'committed' then 1 else 0 end`) == 1 {
				return // it was given again
			}
		}
		t.Error("no number was given again")
	})
}
