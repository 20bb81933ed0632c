package mysqladapter_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/faultproxy"
	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/mysqlproxy"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// hush is when a test that should end by a short timeout has failed to.
const hush = 10 * time.Second

// proxied is a bed behind a proxy.
func proxied(t *testing.T, params string, cfg mysqladapter.Config) (*bed, *faultproxy.Proxy) {
	t.Helper()
	server := mariatest.Shared(t)
	p, err := mysqlproxy.New(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return bedOn(t, mariaserver.Via(mariatest.Database(t, server), p.Addr())+params, cfg), p
}

// at makes the network go silent at a statement.
func at(sql string) faultproxy.Rule {
	return faultproxy.Rule{When: faultproxy.SQL(sql), Do: faultproxy.Drop, Then: faultproxy.BlackHole}
}

// row makes the network go silent at a row.
func row(n int) faultproxy.Rule {
	return faultproxy.Rule{When: mysqlproxy.Message(faultproxy.Down, mysqlproxy.Row), Nth: n, Do: faultproxy.Drop, Then: faultproxy.BlackHole}
}

// TestRule14_ANetworkThatGoesSilentIsBounded at COMMIT and ROLLBACK by CommitTimeout,
// before by AcquireTimeout. The connection is closed, and nobody reads of it any more.
//
// Mutations seen to fail it: no ContextTx; no DrainRows; drain the
// first result set alone.
func TestRule14_ANetworkThatGoesSilentIsBounded(t *testing.T) {
	boom := errors.New("boom")
	short := txctx.Options{Retry: retryable.Policy{AcquireTimeout: 200 * time.Millisecond, CommitTimeout: 200 * time.Millisecond}}
	isNil := func(err error) bool { return err == nil }
	isBoom := func(err error) bool { return errors.Is(err, boom) }
	isUnknown := func(err error) bool { _, ok := errors.AsType[*txctx.OutcomeUnknownError](err); return ok }
	isFenced := func(err error) bool { _, ok := errors.AsType[*retryable.ExhaustedError](err); return ok }
	serializable := mysqladapter.Config{TxOptions: sql.TxOptions{Isolation: sql.LevelSerializable}}

	for name, tt := range map[string]struct {
		cfg  mysqladapter.Config
		rule faultproxy.Rule
		left string // rows that are left open, and read to their end before COMMIT
		end  error
		runs int
		want func(error) bool
	}{
		"COMMIT":                      {rule: at("commit"), runs: 1, want: isUnknown},
		"ROLLBACK":                    {rule: at("rollback"), end: boom, runs: 1, want: isBoom},
		"BEGIN":                       {cfg: serializable, rule: at("set autocommit"), runs: 2, want: isNil},
		"a row":                       {rule: row(3), left: `select * from effect`, runs: 2, want: isNil},
		"a row of another result set": {rule: row(7), left: `call two()`, runs: 1, want: isFenced},
	} {
		t.Run(name, func(t *testing.T) {
			mariatest.Shared(t)
			before := watchers()
			b, p := proxied(t, "", tt.cfg)
			b.outside(`insert into effect values (90), (91), (92), (93)`)
			b.outside(`create procedure two() begin select * from effect; select * from effect; end`)
			hit := p.Add(tt.rule)
			start := time.Now()
			runs, err := b.run(short, func(ctx context.Context) error {
				if err := effect(ctx); err != nil {
					return err
				}
				if tt.left != "" {
					rows, err := mysqladapter.Tx(ctx).QueryContext(ctx, tt.left) //nolint:rowserrcheck,sqlclosecheck // on purpose
					if err != nil {
						return err
					}
					rows.Next()
				}
				return tt.end
			})
			if runs != tt.runs || !tt.want(err) || hit.Count() != 1 {
				t.Errorf("ran %d times, error %v, the rule fired %d times", runs, err, hit.Count())
			}
			if d := time.Since(start); d > hush {
				t.Errorf("it took %v", d)
			}
			want := 4
			if err == nil {
				want++
			}
			if n := b.effects(); n != want {
				t.Errorf("%d effects, want %d", n, want)
			}
			_ = b.db.Close()
			until(t, "the driver's goroutines ended", func() bool { return watchers() <= before })
		})
	}
}

// TestASilentPingIsBounded: a replay after a loss makes sure that its connection is
// alive.
func TestASilentPingIsBounded(t *testing.T) {
	b, p := proxied(t, "", mysqladapter.Config{})
	hit := p.Add(faultproxy.Rule{When: mysqlproxy.Message(faultproxy.Up, mysqlproxy.ComPing), Do: faultproxy.Drop, Then: faultproxy.BlackHole})
	short := txctx.Options{Retry: retryable.Policy{AcquireTimeout: 200 * time.Millisecond}}
	start := time.Now()
	runs, err := b.run(short, func(ctx context.Context) error {
		err := effect(ctx)
		if txctx.AttemptOf(ctx).Number == 1 {
			p.CutAll(faultproxy.RST)
			err = effect(ctx)
		}
		return err
	})
	if runs != 3 || err != nil || hit.Count() != 1 || b.effects() != 1 || time.Since(start) > hush {
		t.Errorf("ran %d times in %v, error %v, %d pings, %d effects", runs, time.Since(start), err, hit.Count(), b.effects())
	}
}

// TestASilentServerIsNotWaitedFor for ever while connecting, be it in an attempt or
// outside, where there may be no deadline: database/sql itself has none when it
// replaces a connection, and the place in the pool would be lost.
//
// Mutations seen to fail it: no limit in Connect; the driver's own error for it.
func TestASilentServerIsNotWaitedFor(t *testing.T) {
	b, p := proxied(t, "&timeout=200ms", mysqladapter.Config{})
	b.db.SQL().SetMaxIdleConns(0)
	p.BlackHole(true)
	start := time.Now()
	err := b.db.SQL().PingContext(context.Background())
	if reason := mysqladapter.Classify(retryable.Fault{Err: err, Phase: retryable.Connect}); reason != retryable.Disconnected || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: %v", reason, err)
	}
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		err := effect(ctx)
		if txctx.AttemptOf(ctx).Number == 1 && retryable.ReasonOf(err) != retryable.Disconnected {
			t.Errorf("in an attempt: %v", err)
		}
		p.BlackHole(false)
		return err
	})
	if runs != 2 || err != nil || b.effects() != 1 || time.Since(start) > hush {
		t.Errorf("ran %d times in %v, error %v, %d effects", runs, time.Since(start), err, b.effects())
	}
}

// TestAcquireTimeoutBoundsTheDial also where packets vanish before there is a
// connection.
func TestAcquireTimeoutBoundsTheDial(t *testing.T) {
	mysql.RegisterDialContext("nowhere", func(ctx context.Context, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	defer mysql.DeregisterDialContext("nowhere")
	db, err := mysqladapter.Open("app@nowhere(db:3306)/app", mysqladapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	o := txctx.Options{Retry: retryable.Policy{AcquireTimeout: 50 * time.Millisecond, MaxRetries: 1}}
	start := time.Now()
	err = txctx.Run(context.Background(), db, o, func(ctx context.Context) error {
		if err := exec(ctx, `select 1`); retryable.ReasonOf(err) != retryable.Disconnected {
			t.Errorf("%v", err)
		}
		return nil
	})
	if _, exhausted := errors.AsType[*retryable.ExhaustedError](err); !exhausted || time.Since(start) > hush/2 {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// watchers counts the driver's goroutines, one for each connection.
func watchers() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "mysql.(*mysqlConn).startWatcher.func")
}
