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

var errDuplicate = errors.New("duplicate")

// What is sent for the ledger of the tests.
const (
	mark1 = "insert into l (run, attempt) values (id, 1)"
	mark2 = "insert into l (run, attempt) values (id, 2)"
	void1 = "insert into l (run, attempt, void) values (id, 1, true)"
	look1 = "select case when void then 1 else 0 end from l where run = id and attempt = 1"
)

// recording returns a DB with a ledger on s, and the connections whose owner was ended.
func recording(t *testing.T, s *server) (db *sqladapter.DB, ended *[]driver.Conn) {
	t.Helper()
	ended = new([]driver.Conn)
	db = sqladapter.New(s, sqladapter.Config{Classify: classify, Ledger: sqladapter.Ledger{
		Book:      ledger.Config{Table: "l"}.Book("sqlite"),
		Duplicate: func(err error) bool { return errors.Is(err, errDuplicate) },
		Hurry:     "hurry",
		Writable:  "writable",
		EndOwner:  func(_ context.Context, gone driver.Conn) { *ended = append(*ended, gone) },
	}})
	db.SQL().SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	if s.answer == nil {
		s.answer = map[string][]string{}
	}
	s.answer["writable"] = append(s.answer["writable"], "1")
	return db, ended
}

// TestTheRowIsWrittenLast, where something may have been written.
//
// Mutations seen to fail it: count what was prepared; write always.
func TestTheRowIsWrittenLast(t *testing.T) {
	ctxExec := func(q string) func(context.Context) error {
		return func(ctx context.Context) error { return exec(ctx, q) }
	}
	prepared := func(executed bool) func(context.Context) error {
		return func(ctx context.Context) error {
			st, err := sqladapter.Tx(ctx).PrepareContext(ctx, "update t")
			if err == nil && executed {
				_, err = st.ExecContext(ctx)
			}
			return err
		}
	}
	for name, tt := range map[string]struct {
		server *server
		o      txctx.Options
		fn     func(context.Context) error
		want   []string
	}{
		"a write":             {&server{}, txctx.Options{}, ctxExec("update t"), []string{"begin", "update t", mark1, "commit"}},
		"a read":              {&server{}, txctx.Options{}, ctxExec("select 1"), []string{"begin", "select 1", "commit"}},
		"READ ONLY":           {&server{}, txctx.Options{ReadOnly: true}, ctxExec("update t"), []string{"begin read only", "update t", "commit"}},
		"prepared":            {&server{}, txctx.Options{}, prepared(false), []string{"begin", "prepare update t", "commit"}},
		"and executed":        {&server{}, txctx.Options{}, prepared(true), []string{"begin", "prepare update t", "stmt update t", mark1, "commit"}},
		"nothing to run with": {&server{bare: true}, txctx.Options{}, ctxExec("update t"), []string{"begin", "prepare update t", "stmt update t", "prepare " + mark1, "stmt " + mark1, "commit"}},
	} {
		t.Run(name, func(t *testing.T) {
			db, _ := recording(t, tt.server)
			if runs, err := run(db, tt.o, tt.fn); runs != 1 || err != nil {
				t.Errorf("ran %d times, error %v", runs, err)
			}
			wantCalls(t, tt.server, tt.want...)
		})
	}
}

// TestWhatFailsWhileRecordingIsNoDoubt: COMMIT has not been sent.
func TestWhatFailsWhileRecordingIsNoDoubt(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		runs   int
		reason retryable.Reason // of attempt 1
	}{
		"lost":      {io.ErrUnexpectedEOF, 2, retryable.Disconnected},
		"bad":       {driver.ErrBadConn, 2, retryable.Disconnected},
		"refused":   {conflict, 2, retryable.Deadlock},
		"duplicate": {errDuplicate, 2, retryable.Disconnected},
		"plain":     {errPlain, 1, retryable.None},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{fail: map[string][]error{mark1: {tt.err}}}
			db, _ := recording(t, s)
			var reason retryable.Reason
			o := txctx.Options{Observe: func(_ context.Context, ev txctx.Event) {
				if ev.Kind == txctx.AttemptEnded && ev.Attempt == 1 {
					reason = ev.Reason
				}
			}}
			runs, err := run(db, o, func(ctx context.Context) error { return exec(ctx, "update t") })
			if runs != tt.runs || (err == nil) != (tt.runs == 2) || reason != tt.reason {
				t.Errorf("ran %d times, error %v, reason %v", runs, err, reason)
			}
			if tt.runs == 1 && (!errors.Is(err, errPlain) || !strings.Contains(err.Error(), "ledger")) {
				t.Errorf("%v", err)
			}
			if n := db.SQL().Stats().InUse; n != 0 {
				t.Errorf("%d connections in use", n)
			}
		})
	}
}

// TestResolve plays what may happen while the ledger is asked.
//
// Mutations seen to fail it: take a lost answer to the fence's own COMMIT for done; end
// the owner for a deadlock; go on asking after an error of no reason.
func TestResolve(t *testing.T) {
	lost := io.ErrUnexpectedEOF
	ask := []string{"hurry", "writable", "begin", void1}
	tell := append(ask[:len(ask):len(ask)], "rollback", look1)
	first := []string{"begin", "update t", mark1, "commit"}
	again := []string{"ping", "begin", "update t", mark2, "commit"}
	for name, tt := range map[string]struct {
		fail   map[string][]error
		answer map[string][]string
		want   [][]string // after the first attempt
		unsure string
		ended  int
	}{
		"it was not committed":     {want: [][]string{ask, {"commit"}, again}},
		"it was":                   {fail: errs(void1, errDuplicate), answer: answers(look1, "0"), want: [][]string{tell}},
		"it was fenced before":     {fail: errs(void1, errDuplicate), answer: answers(look1, "1"), want: [][]string{tell, again}},
		"it vanished":              {fail: errs(void1, errDuplicate, nil), answer: answers(look1, ""), want: [][]string{tell, ask, {"commit"}, again}},
		"the fence was lost":       {fail: errs(void1, lost), want: [][]string{ask, ask, {"commit"}, again}},
		"a deadlock":               {fail: errs(void1, conflict), want: [][]string{ask, ask, {"commit"}, again}},
		"it is being committed":    {fail: errs(void1, fakedb.Fault(retryable.LockTimeout)), want: [][]string{ask, ask, {"commit"}, again}, ended: 1},
		"a replica":                {answer: answers("writable", "0"), want: [][]string{{"hurry", "writable"}, ask, {"commit"}, again}},
		"the fence's COMMIT, lost": {fail: map[string][]error{"commit": {lost, lost}, void1: {nil, errDuplicate}}, answer: answers(look1, "1"), want: [][]string{ask, {"commit"}, tell, again}},
		"no table":                 {fail: errs(void1, errPlain), want: [][]string{ask}, unsure: "plain"},
		"no hurry":                 {fail: errs("hurry", errPlain), want: [][]string{{"hurry"}}, unsure: "plain"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{fail: tt.fail, answer: tt.answer}
			if s.fail == nil {
				s.fail = map[string][]error{}
			}
			if s.fail["commit"] == nil {
				s.fail["commit"] = []error{lost}
			}
			db, ended := recording(t, s)
			_, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, "update t") })
			if tt.unsure == "" && err != nil || tt.unsure != "" && (!unknown(err) || !strings.Contains(err.Error(), tt.unsure)) {
				t.Errorf("%v", err)
			}
			if errors.Is(err, retryable.ErrRetry) {
				t.Errorf("%v asks for a replay", err)
			}
			want := first
			for _, calls := range tt.want {
				want = append(want[:len(want):len(want)], calls...)
			}
			wantCalls(t, s, want...)
			if len(*ended) != tt.ended {
				t.Errorf("the owner was ended %d times", len(*ended))
			}
			for _, gone := range *ended {
				if _, ok := gone.(*fakeConn); !ok {
					t.Errorf("the owner is a %T", gone)
				}
			}
		})
	}
}

func errs(call string, errs ...error) map[string][]error {
	return map[string][]error{call: errs}
}

func answers(query, answer string) map[string][]string {
	return map[string][]string{query: {answer}}
}

// TestResolveGivesUpInTime, says why, and asks for no replay.
func TestResolveGivesUpInTime(t *testing.T) {
	s := &server{fail: map[string][]error{"commit": {io.ErrUnexpectedEOF}}, answer: map[string][]string{"writable": {"0", "0", "0", "0", "0", "0", "0", "0", "0", "0"}}}
	db, _ := recording(t, s)
	o := txctx.Options{Retry: retryable.Policy{ResolveFor: 50 * time.Millisecond}}
	runs, err := run(db, o, func(ctx context.Context) error { return exec(ctx, "update t") })
	if runs != 1 || !unknown(err) || errors.Is(err, retryable.ErrRetry) || !strings.Contains(fmt.Sprint(err), "takes no writes") {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestWhoOnlyReadIsNotLookedUp: it is replayed.
func TestWhoOnlyReadIsNotLookedUp(t *testing.T) {
	s := &server{fail: map[string][]error{"commit": {io.ErrUnexpectedEOF}}}
	db, _ := recording(t, s)
	runs, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, "select 1") })
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	wantCalls(t, s, "begin", "select 1", "commit", "ping", "begin", "select 1", "commit")
}

func TestNewPanicsOnALedgerWithoutDuplicate(t *testing.T) {
	defer func() {
		if v := recover(); v != "sqladapter: New: Config.Ledger.Duplicate is nil" {
			t.Errorf("panicked with %v", v)
		}
	}()
	sqladapter.New(&server{}, sqladapter.Config{Classify: classify, Ledger: sqladapter.Ledger{
		Book: ledger.Config{Table: "l"}.Book("sqlite"),
	}})
}
