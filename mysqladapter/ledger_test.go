package mysqladapter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

var withLedger = mysqladapter.Config{Ledger: ledger.Config{Table: "ledger"}}

// newLedgerBed is a bed with a ledger, behind a proxy. Locks are waited for as long as
// by default, which the server of the tests does not do.
func newLedgerBed(t *testing.T) (*bed, *faultproxy.Proxy) {
	t.Helper()
	b, p := proxied(t, "&innodb_lock_wait_timeout=50", withLedger)
	if err := b.db.MigrateLedger(context.Background()); err != nil {
		t.Fatal(err)
	}
	return b, p
}

// attempts returns the attempts whose effects are there.
func (b *bed) attempts() (list string) {
	b.t.Helper()
	if err := b.db.SQL().QueryRow(`select coalesce(group_concat(attempt), '') from effect`).Scan(&list); err != nil {
		b.t.Fatal(err)
	}
	return list
}

func onCommit(r faultproxy.Rule) faultproxy.Rule {
	r.When = faultproxy.SQL("commit")
	return r
}

// late is the COMMIT of a client that has gone, which is held.
var late = onCommit(faultproxy.Rule{Do: faultproxy.Hold, Then: faultproxy.CutClient, Before: true})

// TestTheLedgerResolves: it tells what became of a COMMIT without an answer.
//
// Mutations seen to fail it: do not end the owner; ask on a server's default lock wait
// timeout.
func TestTheLedgerResolves(t *testing.T) {
	for name, tt := range proxytest.LostCommits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := newLedgerBed(t)
			hit := p.Add(onCommit(tt.Rule))
			start := time.Now()
			runs, err := b.run(txctx.Options{Retry: retryable.Policy{CommitTimeout: 200 * time.Millisecond}}, effect)
			if runs != tt.Runs || err != nil || hit.Count() != 1 || b.attempts() != fmt.Sprint(tt.Runs) {
				t.Errorf("ran %d times in %v, error %v, effects %s", runs, time.Since(start), err, b.attempts())
			}
		})
	}
}

// TestALateCommitIsFenced: the COMMIT of attempt 1 is let go at the worst moments, while
// attempt 2 runs, and after it. It can do no harm any more.
//
// Mutation seen to fail it: look for the row without fencing (Look instead of Void); both
// effects are there then.
func TestALateCommitIsFenced(t *testing.T) {
	for name, during := range map[string]bool{"during the replay": true, "after it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := newLedgerBed(t)
			hit := p.Add(late)
			gone := func() bool { return p.Conns() <= 1 }
			runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
				err := effect(ctx)
				if during && txctx.AttemptOf(ctx).Number == 2 {
					hit.Release()
					until(t, "the old session ended", gone)
				}
				return err
			})
			hit.Release()
			until(t, "the old session ended", gone)
			if runs != 2 || err != nil || b.attempts() != "2" {
				t.Errorf("ran %d times, error %v, effects %s", runs, err, b.attempts())
			}
		})
	}
}

// after calls do when hit fires. wait waits for it, if that has happened.
func after(hit *faultproxy.Hit, do func()) (wait func()) {
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-hit.Fired():
			do()
		case <-over:
		}
	})
	return func() { close(over); wg.Wait() }
}

// TestACommitThatArrivesInTimeIsWaitedFor: the lock on its row says that it may.
func TestACommitThatArrivesInTimeIsWaitedFor(t *testing.T) {
	b, p := newLedgerBed(t)
	hit := p.Add(late)
	asked := p.Add(faultproxy.Rule{When: faultproxy.SQL("attempt, void")})
	defer after(asked, hit.Release)()
	runs, err := b.run(txctx.Options{}, effect)
	if runs != 1 || err != nil || b.attempts() != "1" {
		t.Errorf("ran %d times, error %v, effects %s", runs, err, b.attempts())
	}
}

// TestAPoolFullOfWaitersDoesNotHideTheOutcome: all connections wait for a lock of the
// attempt whose outcome is looked up.
//
// Mutation seen to fail it: look on a connection of the pool.
func TestAPoolFullOfWaitersDoesNotHideTheOutcome(t *testing.T) {
	b, p := newLedgerBed(t)
	b.db.SQL().SetMaxOpenConns(1)
	hit := p.Add(onCommit(faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.BlackHole}))
	o := txctx.Options{Retry: retryable.Policy{CommitTimeout: 300 * time.Millisecond}}
	count := func(ctx context.Context) error { return exec(ctx, `update counter set n = n + 1 where id = 1`) }
	var wg sync.WaitGroup
	wg.Go(func() {
		<-hit.Fired()
		if _, err := b.run(o, count); err != nil {
			t.Error(err)
		}
	})
	runs, err := b.run(o, count)
	wg.Wait()
	if n, _ := b.number(`select n from counter where id = 1`); runs != 2 || err != nil || n != 2 {
		t.Errorf("ran %d times, error %v, counter %d", runs, err, n)
	}
}

// TestALossWhileRecordingIsNoDoubt: COMMIT was not sent, and the session does not keep
// its locks.
//
// Mutations seen to fail it: call what fails there unknown; do not kill the session.
func TestALossWhileRecordingIsNoDoubt(t *testing.T) {
	for name, rule := range map[string]faultproxy.Rule{
		"cut":        {Do: faultproxy.Drop, Then: faultproxy.CutBoth},
		"no reply":   {AwaitReply: true, Then: faultproxy.CutClient},
		"black hole": {Do: faultproxy.Drop, Then: faultproxy.BlackHole},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := newLedgerBed(t)
			rule.When = faultproxy.SQL("insert into ledger")
			hit := p.Add(rule)
			looked := 0
			runs, err := b.run(txctx.Options{
				Retry: retryable.Policy{CommitTimeout: 200 * time.Millisecond},
				Observe: func(_ context.Context, ev txctx.Event) {
					if ev.Kind == txctx.OutcomeLookedUp {
						looked++
					}
					if ev.Kind == txctx.ReplayScheduled && ev.Reason != retryable.Disconnected {
						t.Errorf("replayed because of %v", ev.Reason)
					}
				},
			}, func(ctx context.Context) error {
				return errors.Join(exec(ctx, `update counter set n = n + 1 where id = 1`), effect(ctx))
			})
			n, _ := b.number(`select n from counter where id = 1`)
			if runs != 2 || err != nil || hit.Count() != 1 || looked != 0 || n != 1 || b.attempts() != "2" {
				t.Errorf("ran %d times, error %v, looked up %d times, counter %d, effects %s", runs, err, looked, n, b.attempts())
			}
		})
	}
}

// TestAnAttemptThatWasVoidedIsNotCommitted: its row is there already.
//
// Mutation seen to fail it: go on to COMMIT.
func TestAnAttemptThatWasVoidedIsNotCommitted(t *testing.T) {
	b, _ := newLedgerBed(t)
	tamper := `create trigger tamper before insert on ledger for each row
		if new.attempt = 1 then signal sqlstate '23000' set mysql_errno = 1062, message_text = 'Duplicate entry'; end if`
	b.outside(tamper)
	runs, err := b.run(txctx.Options{}, effect)
	if runs != 2 || err != nil || b.attempts() != "2" {
		t.Errorf("ran %d times, error %v, effects %s", runs, err, b.attempts())
	}
}

// TestAReadOnlyServerIsNoWitness: it may lag behind the one that committed. The user
// of the tests could write to it all the same.
//
// Mutation seen to fail it: do not ask.
func TestAReadOnlyServerIsNoWitness(t *testing.T) {
	server := mariatest.New(t, mariaserver.Config{})
	p, err := mysqlproxy.New(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	b := bedOn(t, mariaserver.Via(mariatest.Database(t, server), p.Addr()), withLedger)
	if err := b.db.MigrateLedger(context.Background()); err != nil {
		t.Fatal(err)
	}
	serverExec(t, server, `set global read_only = 1`)
	lost := onCommit(faultproxy.Rule{Do: faultproxy.Drop, Then: faultproxy.CutBoth})
	p.Add(lost)
	runs, err := b.run(txctx.Options{Retry: retryable.Policy{ResolveFor: 200 * time.Millisecond}}, effect)
	if _, unknown := errors.AsType[*txctx.OutcomeUnknownError](err); runs != 1 || !unknown || !strings.Contains(err.Error(), "takes no writes") {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	p.Add(lost)
	asked := p.Add(faultproxy.Rule{When: faultproxy.SQL("@@global.read_only")})
	defer after(asked, func() { serverExec(t, server, `set global read_only = 0`) })()
	runs, err = b.run(txctx.Options{}, effect)
	if runs != 2 || err != nil || b.attempts() != "2" {
		t.Errorf("ran %d times, error %v, effects %s", runs, err, b.attempts())
	}
}

// TestWithoutALedger the methods say so, and a bad one panics.
func TestWithoutALedger(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	_, purge := b.db.PurgeLedger(context.Background())
	for _, err := range []error{b.db.MigrateLedger(context.Background()), purge} {
		if err == nil || !strings.Contains(err.Error(), "there is no ledger") {
			t.Error(err)
		}
	}
	defer func() {
		if v := recover(); v != `mysqladapter: New: Config.Ledger.Table: "x y" is no plain name of a table` {
			t.Errorf("panicked with %v", v)
		}
	}()
	_, _ = mysqladapter.Open(b.dsn, mysqladapter.Config{Ledger: ledger.Config{Table: "x y"}})
}
