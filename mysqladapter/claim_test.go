package mysqladapter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// keyed runs fn with the one key of the tests.
func (b *bed) keyed(p retryable.Policy, fn func(ctx context.Context) error) (runs int, stored *txctx.Answer, err error) {
	b.t.Helper()
	k := &txctx.Key{
		ID:     [32]byte{1},
		Answer: func() (txctx.Answer, error) { return txctx.Answer{Status: 201}, nil },
		Stored: func(a txctx.Answer) { stored = &a },
	}
	runs, err = b.run(txctx.Options{Retry: p, Key: k}, fn)
	return runs, stored, err
}

// wantKept checks that the key was answered by the only attempt that left its effect.
func (b *bed) wantKept(attempt int) {
	b.t.Helper()
	runs, stored, err := b.keyed(retryable.Policy{}, effect)
	if runs != 0 || err != nil || stored == nil || stored.Status != 201 {
		b.t.Errorf("the key ran %d times, error %v, stored %v", runs, err, stored)
	}
	n, err := b.number(`select count(*) from ledger where key_hash is not null`)
	if err != nil || n != 1 || b.attempts() != fmt.Sprint(attempt) {
		b.t.Errorf("effects of %s, %d rows, error %v", b.attempts(), n, err)
	}
}

// TestACommitWithAKeyIsResolved: its row is locked from the beginning of the attempt.
//
// Mutation seen to fail it: do not end the owner.
func TestACommitWithAKeyIsResolved(t *testing.T) {
	for name, tt := range proxytest.LostCommits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := newLedgerBed(t)
			hit := p.Add(onCommit(tt.Rule))
			start := time.Now()
			runs, stored, err := b.keyed(retryable.Policy{CommitTimeout: 200 * time.Millisecond}, effect)
			if runs != tt.Runs || stored != nil || err != nil || hit.Count() != 1 {
				t.Errorf("ran %d times in %v, error %v", runs, time.Since(start), err)
			}
			b.wantKept(tt.Runs)
		})
	}
}

// TestALateCommitWithAKeyIsFenced: it is let go while the replay runs, and after it.
func TestALateCommitWithAKeyIsFenced(t *testing.T) {
	for name, during := range map[string]bool{"during the replay": true, "after it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := newLedgerBed(t)
			hit := p.Add(late)
			gone := func() bool { return p.Conns() <= 1 }
			runs, _, err := b.keyed(retryable.Policy{}, func(ctx context.Context) error {
				err := effect(ctx)
				if during && txctx.AttemptOf(ctx).Number == 2 {
					hit.Release()
					until(t, "the old session ended", gone)
				}
				return err
			})
			hit.Release()
			until(t, "the old session ended", gone)
			if runs != 2 || err != nil {
				t.Errorf("ran %d times, error %v", runs, err)
			}
			b.wantKept(2)
		})
	}
}

// TestTheSessionOfALostAttemptIsEnded by the replay that finds its key locked: the server
// has not noticed.
//
// Mutation seen to fail it: leave it to the server.
func TestTheSessionOfALostAttemptIsEnded(t *testing.T) {
	t.Parallel()
	b, p := newLedgerBed(t)
	// The KILL that is sent for a statement that was given up gets lost, too.
	p.Add(faultproxy.Rule{When: faultproxy.SQL("kill connection"), Do: faultproxy.Drop, Then: faultproxy.CutBoth})
	hit := p.Add(at("insert into effect"))
	start := time.Now()
	runs, _, err := b.keyed(retryable.Policy{AttemptTimeout: 1500 * time.Millisecond}, effect)
	if runs != 2 || err != nil || hit.Count() != 1 {
		t.Errorf("ran %d times in %v, error %v", runs, time.Since(start), err)
	}
	b.wantKept(3)
}

// TestLockWaitTimeoutIsWhatItWas when the function runs, and afterwards, whatever the
// claim has met.
//
// Mutations seen to fail it: SET STATEMENT; no handler.
func TestLockWaitTimeoutIsWhatItWas(t *testing.T) {
	b, _ := newLedgerBed(t)
	b.db.SQL().SetMaxOpenConns(1)
	runs, _, err := b.keyed(retryable.Policy{}, func(ctx context.Context) error {
		var n int
		err := mysqladapter.Tx(ctx).QueryRowContext(ctx, `select @@innodb_lock_wait_timeout`).Scan(&n)
		if err != nil || n != 50 {
			t.Errorf("innodb_lock_wait_timeout %d, error %v", n, err)
		}
		return effect(ctx)
	})
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	b.wantKept(1)
	if n, err := b.number(`select @@innodb_lock_wait_timeout`); err != nil || n != 50 {
		t.Errorf("afterwards: innodb_lock_wait_timeout %d, error %v", n, err)
	}
}

// TestBound is what MySQL is sent, which MariaDB understands, too.
func TestBound(t *testing.T) {
	for wait, want := range map[time.Duration]int{-1: 1, 0: 1, time.Second: 1, time.Second + 1: 2, retryable.Forever: 100_000_000} {
		b, _ := newLedgerBed(t)
		b.db.SQL().SetMaxOpenConns(1)
		before, bounded, after := mysqladapter.Bound("8.4.0", "insert", wait)
		b.outside(before)
		if n, err := b.number(`select @@innodb_lock_wait_timeout`); n != want || err != nil || bounded != "insert" {
			t.Errorf("%v: waits %d, error %v, %q", wait, n, err, bounded)
		}
		b.outside(after)
		if n, err := b.number(`select @@innodb_lock_wait_timeout`); n != 50 || err != nil {
			t.Errorf("%v: waits %d afterwards, error %v", wait, n, err)
		}
	}
}

// TestAKeyThatWasCommittedImplicitly has no answer, and nothing runs for it any more.
func TestAKeyThatWasCommittedImplicitly(t *testing.T) {
	b, _ := newLedgerBed(t)
	failed := errors.New("failed")
	runs, _, err := b.keyed(retryable.Policy{}, func(ctx context.Context) error {
		return errors.Join(exec(ctx, `create table other (n int)`), failed)
	})
	if runs != 1 || !errors.Is(err, failed) {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	for range 2 {
		runs, stored, err := b.keyed(retryable.Policy{}, effect)
		if runs != 0 || stored != nil || err == nil || !strings.Contains(err.Error(), "without an answer") {
			t.Errorf("ran %d times, error %v, stored %v", runs, err, stored)
		}
	}
}

// TestWhoWaitsForAKeyIsInNobodysWay: of those who have none.
//
// Mutation seen to fail it: have the index of the keys ascend, with all that is null
// before the key.
func TestWhoWaitsForAKeyIsInNobodysWay(t *testing.T) {
	b, p := newLedgerBed(t)
	for range 3 {
		if _, err := b.run(txctx.Options{}, effect); err != nil {
			t.Fatal(err)
		}
	}
	held, release, waits, done := make(chan struct{}), make(chan struct{}), p.Add(faultproxy.Rule{When: faultproxy.SQL("key_hash, fingerprint"), Nth: 2}), make(chan error, 2)
	key := func(fn func(ctx context.Context) error) {
		_, err := b.run(txctx.Options{Key: &txctx.Key{ID: [32]byte{1}, Wait: 30 * time.Second}}, fn)
		done <- err
	}
	go key(func(ctx context.Context) error { close(held); <-release; return effect(ctx) })
	<-held
	go key(effect)
	<-waits.Fired()
	until(t, "the second waits", func() bool {
		n, err := b.number(`select count(*) from information_schema.processlist where info like '%key_hash, fingerprint%' and command <> 'Sleep' and id <> connection_id() and time_ms > 100`)
		return err == nil && n > 0
	})
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := txctx.Run(ctx, b.db, txctx.Options{}, effect)
	if err != nil {
		t.Errorf("without a key: error %v after %v", err, time.Since(start))
	}
	close(release)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
