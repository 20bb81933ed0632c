package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// What is sent for the key of the tests, which is all zeros.
var (
	zeros  = "x'" + strings.Repeat("0", 64) + "'"
	claim1 = "insert into l (run, attempt, key_hash, fingerprint) values (id, 1, " + zeros + ", " + zeros + ")"
	claim2 = strings.Replace(claim1, ", 1,", ", 2,", 1)
	find   = "select fingerprint, status, header, body from l where key_hash = " + zeros
)

func keep(attempt int) string {
	return fmt.Sprintf("update l set status = 201, header = cast(x'7b7d' as text), body = x'' where run = id and attempt = %d", attempt)
}

// keeping is recording, with bounded claims.
func keeping(t *testing.T, s *server, bounded bool) (db *sqladapter.DB, ended *[]driver.Conn) {
	t.Helper()
	ended = new([]driver.Conn)
	l := sqladapter.Ledger{
		Book:      ledger.Config{Table: "l"}.Book("sqlite"),
		Duplicate: func(err error) bool { return errors.Is(err, errDuplicate) },
		EndOwner:  func(_ context.Context, gone driver.Conn) { *ended = append(*ended, gone) },
		Renew:     "renew",
	}
	if bounded {
		l.Bound = func(_, claim string, wait time.Duration) (before, bounded, after string) {
			return "wait " + wait.String(), claim, "as ever"
		}
	}
	db = sqladapter.New(s, sqladapter.Config{Classify: classify, Ledger: l})
	db.SQL().SetMaxOpenConns(1)
	t.Cleanup(func() {
		if n := db.SQL().Stats().InUse; n != 0 {
			t.Errorf("%d connections in use", n)
		}
		_ = db.Close()
	})
	return db, ended
}

// keyed runs an update with the key of the tests.
func keyed(db *sqladapter.DB, o txctx.Options, wait time.Duration) (runs int, stored *txctx.Answer, err error) {
	o.Key = &txctx.Key{
		Wait:   wait,
		Answer: func() (txctx.Answer, error) { return txctx.Answer{Status: 201}, nil },
		Stored: func(a txctx.Answer) { stored = &a },
	}
	runs, err = run(db, o, func(ctx context.Context) error { return exec(ctx, "update t") })
	return runs, stored, err
}

// TestClaim plays what may happen while a key is claimed.
//
// Mutations seen to fail it: take a lock that was not granted for ErrKeyInUse in a replay;
// leave the limit of the wait as it is; no Renew; Mark instead of Keep; forget that the
// connection was not lost.
func TestClaim(t *testing.T) {
	lost, locked := io.ErrUnexpectedEOF, fakedb.Fault(retryable.LockTimeout)
	const replay = "wait 1s"
	claim := []string{"begin", "wait 7ms", claim1, "as ever"}
	done := []string{"update t", keep(1), "commit"}
	again := []string{"begin", replay, claim2, "as ever", "update t", keep(2), "commit"}
	pinged := append([]string{"ping"}, again...)
	for name, tt := range map[string]struct {
		fail  map[string][]error
		want  [][]string
		runs  int
		is    error
		ended int
	}{
		"it is had":               {want: [][]string{claim, done}, runs: 1},
		"it is in use":            {fail: errs(claim1, locked), want: [][]string{claim, {"rollback"}}, is: txctx.ErrKeyInUse},
		"a deadlock":              {fail: errs(claim1, conflict), want: [][]string{claim, {"rollback"}, again}, runs: 1},
		"lost":                    {fail: errs(claim1, lost), want: [][]string{claim, {"rollback"}, pinged}, runs: 1},
		"no table":                {fail: errs(claim1, errPlain), want: [][]string{claim, {"rollback"}}, is: errPlain},
		"lost before it":          {fail: errs("wait 7ms", lost), want: [][]string{{"begin", "wait 7ms", "rollback"}, pinged}, runs: 1},
		"lost after it":           {fail: errs("as ever", lost), want: [][]string{claim, {"rollback"}, pinged}, runs: 1},
		"begin fails":             {fail: errs("begin", conflict), want: [][]string{{"begin"}, again}, runs: 1},
		"lost in the function":    {fail: errs("update t", lost), want: [][]string{claim, {"update t", "rollback"}, pinged}, runs: 2},
		"COMMIT refused":          {fail: errs("commit", conflict), want: [][]string{claim, done, again}, runs: 2},
		"the answer is not taken": {fail: errs(keep(1), errPlain), want: [][]string{claim, {"update t", keep(1), "rollback"}}, runs: 1, is: errPlain},
		"locked after a loss": {
			fail: map[string][]error{"update t": {lost}, claim2: {locked}},
			want: [][]string{
				claim, {"update t", "rollback", "ping", "begin", replay, claim2, "as ever", "rollback"},
				{"begin", replay, strings.Replace(claim2, ", 2,", ", 3,", 1), "as ever", "update t", keep(3), "commit"},
			},
			runs: 2, ended: 1,
		},
		"locked after a conflict": { // by somebody else
			fail: map[string][]error{"update t": {conflict}, claim2: {locked}},
			want: [][]string{
				claim, {"update t", "rollback", "begin", replay, claim2, "as ever", "rollback"},
				{"begin", replay, strings.Replace(claim2, ", 2,", ", 3,", 1), "as ever", "update t", keep(3), "commit"},
			},
			runs: 2,
		},
		"it was there, and is gone": {fail: errs(claim1, errDuplicate), want: [][]string{claim, {"renew", find, "rollback"}, again}, runs: 1},
		"lost on the way to it":     {fail: errs("renew", lost), want: [][]string{claim, {"renew", "rollback"}, pinged}, runs: 1},
		"lost while it is read":     {fail: errs(find, lost), want: [][]string{claim, {"renew", find, "rollback"}, pinged}, runs: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{fail: tt.fail, answer: map[string][]string{find: {""}}}
			if s.fail == nil {
				s.fail = map[string][]error{}
			}
			if s.fail["renew"] != nil || s.fail[find] != nil {
				s.fail[claim1] = []error{errDuplicate}
			}
			db, ended := keeping(t, s, true)
			runs, stored, err := keyed(db, txctx.Options{}, 7*time.Millisecond)
			if runs != tt.runs || stored != nil || !errors.Is(err, tt.is) {
				t.Errorf("ran %d times, error %v, stored %v", runs, err, stored)
			}
			var want []string
			for _, calls := range tt.want {
				want = append(want, calls...)
			}
			wantCalls(t, s, want...)
			if len(*ended) != tt.ended {
				t.Errorf("the owner was ended %d times", len(*ended))
			}
		})
	}
}

// TestClaimWithoutBound: a lock that was not granted is nobody's key.
func TestClaimWithoutBound(t *testing.T) {
	s := &server{fail: errs(claim1, fakedb.Fault(retryable.LockTimeout))}
	db, _ := keeping(t, s, false)
	runs, _, err := keyed(db, txctx.Options{}, 0)
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	wantCalls(t, s, "begin", claim1, "rollback", "begin", claim2, "update t", keep(2), "commit")
}

// TestAConnectionThatWouldWaitNoMoreIsClosed: the limit of the claim is still on.
//
// Mutation seen to fail it: only return the error.
func TestAConnectionThatWouldWaitNoMoreIsClosed(t *testing.T) {
	s := &server{fail: map[string][]error{"as ever": {errPlain}}}
	db, _ := keeping(t, s, true)
	if runs, _, err := keyed(db, txctx.Options{}, 0); runs != 0 || !errors.Is(err, errPlain) {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if n := db.SQL().Stats().OpenConnections; n != 0 {
		t.Errorf("%d connections are open", n)
	}
}

// TestKeepsKeys where there is a ledger to write to.
func TestKeepsKeys(t *testing.T) {
	db, _ := keeping(t, &server{}, false)
	if d, ok := db.KeepsKeys(); d != ledger.DefaultRetention || !ok {
		t.Error(d, ok)
	}
	if d, ok := newDB(t, &server{}).KeepsKeys(); d != 0 || ok {
		t.Error(d, ok)
	}
	cfg := sqladapter.Config{Classify: classify, Ledger: sqladapter.Ledger{
		Book: ledger.Config{Table: "l"}.Book("sqlite"), Duplicate: func(error) bool { return false },
	}}
	cfg.TxOptions.ReadOnly = true
	readOnly := sqladapter.New(&server{}, cfg)
	defer readOnly.Close()
	if d, ok := readOnly.KeepsKeys(); d != 0 || ok {
		t.Error(d, ok)
	}
}
