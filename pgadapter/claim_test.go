package pgadapter_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/faultproxy/proxytest"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// proxied is a bed behind a proxy.
func proxied(t *testing.T, cfg pgadapter.Config) (*bed, *faultproxy.Proxy) {
	t.Helper()
	p, err := pgproxy.New(pgtest.Shared(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	b := newBed(t, cfg, func(c *pgxpool.Config) {
		host, port, _ := net.SplitHostPort(p.Addr())
		n, _ := strconv.ParseUint(port, 10, 16)
		c.ConnConfig.Host, c.ConnConfig.Port, c.ConnConfig.Fallbacks = host, uint16(n), nil
	})
	t.Cleanup(func() { p.CutAll(faultproxy.RST) }) // pgx keeps one that went silent for 15 s
	return b, p
}

// newKeyBed is a bed with a ledger, behind a proxy.
func newKeyBed(t *testing.T) (*bed, *faultproxy.Proxy) {
	t.Helper()
	b, p := proxied(t, withLedger)
	if err := b.db.MigrateLedger(context.Background()); err != nil {
		t.Fatal(err)
	}
	return b, p
}

// keyed runs fn with the one key of the tests.
func (b *bed) keyed(p retryable.Policy, fn func(ctx context.Context, tx pgx.Tx) error) (runs int, stored *txctx.Answer, err error) {
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
	if got := fmt.Sprint(b.effects()); got != fmt.Sprintf("[%d]", attempt) || b.rows("where key_hash is not null") != 1 {
		b.t.Errorf("effects of %s, %d rows", got, b.rows("where key_hash is not null"))
	}
}

func onCommit(r faultproxy.Rule) faultproxy.Rule {
	r.When = faultproxy.SQL("commit")
	return r
}

// TestACommitWithAKeyIsResolved: its row is locked from the beginning of the attempt, so
// that who sits on it must be ended.
//
// Mutation seen to fail it: do not end the orphan when its row is locked.
func TestACommitWithAKeyIsResolved(t *testing.T) {
	for name, tt := range proxytest.LostCommits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := newKeyBed(t)
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
			b, p := newKeyBed(t)
			hit := p.Add(onCommit(faultproxy.Rule{Do: faultproxy.Hold, Then: faultproxy.CutClient, Before: true}))
			gone := func() bool { return p.Conns() <= 1 }
			runs, _, err := b.keyed(retryable.Policy{}, func(ctx context.Context, tx pgx.Tx) error {
				err := effect(ctx, tx)
				if during && txctx.AttemptOf(ctx).Number == 2 {
					hit.Release()
					dbtest.Within(t, 5*time.Second, "the old session ended", gone)
				}
				return err
			})
			hit.Release()
			dbtest.Within(t, 5*time.Second, "the old session ended", gone)
			if runs != 2 || err != nil {
				t.Errorf("ran %d times, error %v", runs, err)
			}
			b.wantKept(2)
		})
	}
}

// TestACommitUnderWayIsNotEnded: who has its row locked may be waiting for a standby.
//
// Mutation seen to fail it: end the session whatever its state.
func TestACommitUnderWayIsNotEnded(t *testing.T) {
	t.Parallel()
	b, p := newKeyBed(t)
	if _, err := b.pool.Exec(context.Background(), `
		create function linger() returns trigger language plpgsql as $$ begin
			perform pg_sleep(1.5); return new; end $$;
		create constraint trigger linger after insert on effect deferrable initially deferred
			for each row execute function linger()`); err != nil {
		t.Fatal(err)
	}
	p.DropCancels(true) // or pgx ends it, when it gives up the connection
	p.Add(onCommit(faultproxy.Rule{AwaitReply: true, Then: faultproxy.BlackHole}))
	runs, _, err := b.keyed(retryable.Policy{CommitTimeout: 300 * time.Millisecond}, effect)
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	b.wantKept(1)
}

// TestTheSessionOfALostAttemptIsEnded by the replay that finds its key locked: the server
// has not noticed.
//
// Mutation seen to fail it: leave it to the server.
func TestTheSessionOfALostAttemptIsEnded(t *testing.T) {
	t.Parallel()
	b, p := newKeyBed(t)
	hit := p.Add(faultproxy.Rule{When: faultproxy.SQL("insert into effect"), Do: faultproxy.Drop, Then: faultproxy.BlackHole})
	start := time.Now()
	runs, _, err := b.keyed(retryable.Policy{AttemptTimeout: 1500 * time.Millisecond}, effect)
	if runs != 2 || err != nil || hit.Count() != 1 {
		t.Errorf("ran %d times in %v, error %v", runs, time.Since(start), err)
	}
	b.wantKept(3)
}

// TestLockTimeoutIsWhatItWas when the function runs, and afterwards.
//
// Mutation seen to fail it: leave it as the claim needs it.
func TestLockTimeoutIsWhatItWas(t *testing.T) {
	cfg := withLedger
	cfg.TxOptions.BeginQuery = "begin; set local lock_timeout = '3s'"
	for want, cfg := range map[string]pgadapter.Config{"7s": withLedger, "3s": cfg} {
		b := newBed(t, cfg, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["lock_timeout"] = "7s" })
		if err := b.db.MigrateLedger(context.Background()); err != nil {
			t.Fatal(err)
		}
		runs, _, err := b.keyed(retryable.Policy{}, func(ctx context.Context, tx pgx.Tx) error {
			var got string
			if err := tx.QueryRow(ctx, `show lock_timeout`).Scan(&got); err != nil || got != want {
				t.Errorf("lock_timeout %s, error %v, want %s", got, err, want)
			}
			return effect(ctx, tx)
		})
		if runs != 1 || err != nil {
			t.Errorf("ran %d times, error %v", runs, err)
		}
		b.wantKept(1)
		var got string
		if err := b.pool.QueryRow(context.Background(), `show lock_timeout`).Scan(&got); err != nil || got != "7s" {
			t.Errorf("afterwards: lock_timeout %s, error %v", got, err)
		}
	}
}

// TestAKeyThatWasCommittedByText has no answer, and nothing runs for it any more.
func TestAKeyThatWasCommittedByText(t *testing.T) {
	b := newLedgerBed(t)
	_, _, err := b.keyed(retryable.Policy{}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `commit`)
		return errors.Join(err, errors.New("failed"))
	})
	if !errors.Is(err, txctx.ErrManaged) {
		t.Errorf("error %v", err)
	}
	for range 2 {
		runs, stored, err := b.keyed(retryable.Policy{}, effect)
		if runs != 0 || stored != nil || err == nil || !strings.Contains(err.Error(), "without an answer") {
			t.Errorf("ran %d times, error %v, stored %v", runs, err, stored)
		}
	}
}

// TestKeepsKeys where there is a ledger to write to.
func TestKeepsKeys(t *testing.T) {
	b := newBed(t, withLedger)
	if d, ok := b.db.KeepsKeys(); d != time.Hour || !ok {
		t.Error(d, ok)
	}
	readOnly := withLedger
	readOnly.TxOptions.AccessMode = pgx.ReadOnly
	for _, cfg := range []pgadapter.Config{{}, readOnly} {
		if d, ok := pgadapter.New(b.pool, cfg).KeepsKeys(); d != 0 || ok {
			t.Error(d, ok)
		}
	}
}
