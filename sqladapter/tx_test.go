package sqladapter_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// silence is a short CommitTimeout.
var silence = txctx.Options{Retry: retryable.Policy{CommitTimeout: 20 * time.Millisecond}}

// TestRule14_ASilentEndIsBounded by CommitTimeout, whether the driver commits under
// a context of its own or under that of BeginTx. The connection is closed.
//
// Mutations seen to fail it: no AfterFunc in Commit, in Rollback or in managed; leave
// the attempt's own context alone; take no answer for a refusal.
func TestRule14_ASilentEndIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		silent string
		end    func(ctx context.Context) error
		runs   int
		want   func(error) bool
	}{
		"COMMIT":   {"commit", func(context.Context) error { return nil }, 1, unknown},
		"ROLLBACK": {"rollback", func(context.Context) error { return errPlain }, 1, func(err error) bool { return errors.Is(err, errPlain) }},
		"the handler's own COMMIT": {"rollback", func(ctx context.Context) error { _ = sqladapter.Tx(ctx).Commit(); return nil }, 1,
			func(err error) bool { return errors.Is(err, txctx.ErrManaged) }},
		"rows left open": {"rows closed", func(ctx context.Context) error {
			rows, err := sqladapter.Tx(ctx).QueryContext(ctx, "q") //nolint:rowserrcheck,sqlclosecheck // on purpose
			if err == nil {
				rows.Next()
			}
			return err
		}, 2, func(err error) bool { return err == nil }},
	} {
		for _, contextTx := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", name, contextTx), func(t *testing.T) {
				s := &server{silent: tt.silent, contextTx: contextTx}
				runs, err := run(newDB(t, s), silence, func(ctx context.Context) error {
					if err := exec(ctx, "a"); err != nil {
						return err
					}
					return tt.end(ctx)
				})
				if runs != tt.runs || !tt.want(err) {
					t.Errorf("ran %d times, error %v", runs, err)
				}
				calls := s.calls()
				if !slices.Contains(calls, "close") || slices.ContainsFunc(calls, func(c string) bool { return strings.Contains(c, " for ever") || strings.Contains(c, "without") }) {
					t.Errorf("calls %v", calls)
				}
			})
		}
	}
}

// TestAContextTxIsEndedUnderItsContext also where a BEGIN that came too late is taken
// back.
func TestAContextTxIsEndedUnderItsContext(t *testing.T) {
	s := &server{contextTx: true, slow: 1}
	o := txctx.Options{Retry: retryable.Policy{AcquireTimeout: 10 * time.Millisecond, CommitTimeout: retryable.Forever}}
	runs, err := run(newDB(t, s), o, func(ctx context.Context) error { return exec(ctx, "a") })
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	wantCalls(t, s, "begin", "rollback", "begin", "a", "commit")
}

// TestAfterAFailoverNoConnectionIsUsedAgain: those that lie in the pool lead to the
// same wrong server. Those made afterwards do not.
//
// Mutations seen to fail it: ResetSession does not look; Commit does not tell.
func TestAfterAFailoverNoConnectionIsUsedAgain(t *testing.T) {
	for _, call := range []string{"a", "commit"} {
		t.Run(call, func(t *testing.T) {
			s := &server{}
			db := newDB(t, s)
			db.SQL().SetMaxOpenConns(4)
			db.SQL().SetMaxIdleConns(4)
			var conns []*sql.Conn
			for range 4 {
				c, err := db.SQL().Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, c)
			}
			for _, c := range conns {
				_ = c.Close()
			}
			s.mu.Lock()
			s.log, s.fail = nil, map[string][]error{call: {fakedb.Fault(retryable.Failover)}}
			s.mu.Unlock()
			for range 4 {
				if _, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, "a") }); err != nil {
					t.Fatal(err)
				}
			}
			count := map[string]int{}
			for _, c := range s.calls() {
				count[c]++
			}
			// The first to fail, two more that database/sql tries before it makes a new one.
			if count["connect"] != 1 || count["close"] != 3 {
				t.Errorf("%d connections made, %d closed", count["connect"], count["close"])
			}
		})
	}
}

// TestOneFailoverCountsOnce, however many transactions meet it, and when: a connection
// made after the first has met it is good.
//
// Mutation seen to fail it: count each.
func TestOneFailoverCountsOnce(t *testing.T) {
	failover := fakedb.Fault(retryable.Failover)
	s := &server{fail: map[string][]error{"first": {failover}, "late": {failover}}}
	db := newDB(t, s)
	db.SQL().SetMaxOpenConns(2)
	begun, met := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		runs, err := run(db, txctx.Options{}, func(ctx context.Context) error {
			if txctx.AttemptOf(ctx).Number > 1 {
				return exec(ctx, "late")
			}
			err := exec(ctx, "a")
			close(begun)
			<-met
			return errors.Join(err, exec(ctx, "late"))
		})
		if runs != 2 || err != nil {
			t.Errorf("the late one ran %d times, error %v", runs, err)
		}
	})
	<-begun
	if runs, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, "first") }); runs != 2 || err != nil {
		t.Errorf("the first ran %d times, error %v", runs, err)
	}
	close(met)
	wg.Wait()
	made := 0
	for _, c := range s.calls() {
		if c == "connect" {
			made++
		}
	}
	if made != 3 {
		t.Errorf("%d connections made, want 3", made)
	}
}
