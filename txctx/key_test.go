package txctx_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// keeper is a database with a ledger.
func keeper(script ...fakedb.Attempt) *fakedb.DB { return fakedb.New(script...).KeepKeys(time.Hour) }

// keyed is a run with key 1, of which it remembers what it was given.
type keyed struct {
	o      txctx.Options
	stored []txctx.Answer
	events []txctx.Event
	hooks  int
	runs   int
}

func newKeyed(answer string) *keyed {
	k := &keyed{}
	k.o = txctx.Options{Retry: hasty, Logger: quiet}
	k.o.Observe = func(_ context.Context, ev txctx.Event) { k.events = append(k.events, ev) }
	k.o.Key = &txctx.Key{
		ID:          [32]byte{1},
		Fingerprint: [32]byte{2},
		Answer:      func() (txctx.Answer, error) { return txctx.Answer{Status: 201, Body: []byte(answer)}, nil },
		Stored:      func(a txctx.Answer) { k.stored = append(k.stored, a) },
	}
	return k
}

// run executes one statement, unless f does something else.
func (k *keyed) run(t *testing.T, db txctx.DB, f fn) error {
	t.Helper()
	return txctx.Run(t.Context(), db, k.o, func(ctx context.Context) error {
		k.runs++
		txctx.AfterCommit(ctx, func(context.Context) { k.hooks++ })
		if f != nil {
			return f(ctx)
		}
		return exec(ctx, "a")
	})
}

func (k *keyed) finished() txctx.Event { return k.events[len(k.events)-1] }

// TestAKeyRunsOnce: the second run is given the first one's answer, and nothing of it runs.
//
// Mutations seen to fail it: call the function although there is an answer; commit after
// Stored; do not say Stored in the event.
func TestAKeyRunsOnce(t *testing.T) {
	t.Parallel()
	db := keeper()
	first := newKeyed("one")
	if err := first.run(t, db, nil); err != nil || first.runs != 1 || first.hooks != 1 || len(first.stored) != 0 {
		t.Errorf("first: %v, %+v", err, first)
	}
	second := newKeyed("two")
	if err := second.run(t, db, nil); err != nil || second.runs != 0 || second.hooks != 0 {
		t.Errorf("second: %v, %d runs, %d hooks", err, second.runs, second.hooks)
	}
	want := []txctx.Answer{{Status: 201, Body: []byte("one")}}
	if diff := cmp.Diff(want, second.stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if ev := first.finished(); ev.Stored || ev.Outcome != txctx.Committed {
		t.Errorf("first: %+v", ev)
	}
	if ev := second.finished(); !ev.Stored || ev.Outcome != txctx.RolledBack || ev.Attempt != 1 || !ev.Protected {
		t.Errorf("second: %+v", ev)
	}
	wantLog(t, db, "begin 1", "claim", "exec a", "commit", "begin 1", "claim: found", "rollback")
}

// TestStoredIsCalledOutsideTheTransaction, so that it may take its time.
func TestStoredIsCalledOutsideTheTransaction(t *testing.T) {
	t.Parallel()
	db := keeper()
	_ = newKeyed("one").run(t, db, nil)
	k := newKeyed("two")
	k.o.Key.Stored = func(txctx.Answer) {
		if db.Open() != 0 {
			t.Error("a transaction is open")
		}
		panic("stored")
	}
	if got := panicOf(func() { _ = k.run(t, db, nil) }); got != "stored" {
		t.Errorf("panicked with %v", got)
	}
	wantCommitted(t, db, "a")
	k.o.Key.Stored = nil
	if err := k.run(t, db, nil); err != nil || k.runs != 0 {
		t.Errorf("%v, %d runs", err, k.runs)
	}
}

// TestAKeyThatIsRefused ends the run at once, as it is.
//
// Mutation seen to fail it: let Judge see these errors.
func TestAKeyThatIsRefused(t *testing.T) {
	t.Parallel()
	db := keeper(
		fakedb.Attempt{},
		fakedb.Attempt{Judge: func(err error) error { return retryable.Mark(err) }},
	)
	_ = newKeyed("one").run(t, db, nil)
	k := newKeyed("two")
	k.o.Key.Fingerprint[0]++
	if err := k.run(t, db, nil); err != txctx.ErrKeyReused || k.runs != 0 || k.stored != nil {
		t.Errorf("%v, %d runs, %v", err, k.runs, k.stored)
	}
	wantLog(t, db, "begin 1", "claim", "exec a", "commit", "begin 1", "claim: "+txctx.ErrKeyReused.Error(), "rollback")
}

// TestAKeyInUse: while the first run is under way the second one is refused, or waits.
func TestAKeyInUse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		wait   time.Duration
		fails  bool // the first run
		err    error
		runs   int
		stored int
		took   time.Duration
	}{
		"refused at once":                       {0, false, txctx.ErrKeyInUse, 0, 0, 0},
		"refused after its time":                {time.Second, false, txctx.ErrKeyInUse, 0, 0, time.Second},
		"waits for the answer":                  {time.Minute, false, nil, 0, 1, 10 * time.Second},
		"waits for the first to be rolled back": {time.Minute, true, nil, 1, 0, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				db := keeper()
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = newKeyed("one").run(t, db, func(ctx context.Context) error {
						time.Sleep(10 * time.Second) // of the bubble
						if tt.fails {
							return errPlain
						}
						return exec(ctx, "first")
					})
				}()
				synctest.Wait()
				k := newKeyed("two")
				k.o.Key.Wait = tt.wait
				started := time.Now()
				err := k.run(t, db, nil)
				if took := time.Since(started); err != tt.err || k.runs != tt.runs || len(k.stored) != tt.stored || took != tt.took {
					t.Errorf("%v after %v, %d runs, stored %v", err, took, k.runs, k.stored)
				}
				<-done
			})
		})
	}
}

// TestWhatIsRolledBackKeepsNothing, so that the same key runs again; Commit keeps the
// answer of what a veto would roll back.
func TestWhatIsRolledBackKeepsNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		f    fn
		veto bool
		kept bool
	}{
		"committed":          {nil, false, true},
		"vetoed":             {nil, true, false},
		"Rollback":           {func(ctx context.Context) error { txctx.Rollback(ctx); return nil }, false, false},
		"Commit and a veto":  {func(ctx context.Context) error { txctx.Commit(ctx); return nil }, true, true},
		"an error":           {func(context.Context) error { return errPlain }, false, false},
		"Fail":               {func(ctx context.Context) error { txctx.Fail(ctx, errPlain); return nil }, false, false},
		"exhausted":          {func(context.Context) error { return retryable.ErrRetry }, false, false},
		"a panic":            {func(context.Context) error { panic("x") }, false, false},
		"Goexit":             {func(context.Context) error { runtime.Goexit(); return nil }, false, false},
		"a failed statement": {func(ctx context.Context) error { _ = exec(ctx, "fails"); return nil }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := keeper(fakedb.Always(fakedb.Attempt{Exec: func(_ context.Context, name string) error {
				if name == "fails" {
					return errPlain
				}
				return nil
			}}))
			k := newKeyed("one")
			k.o.Veto = func() bool { return tt.veto }
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_ = k.run(t, db, tt.f)
			}()
			<-done
			again := newKeyed("two")
			if err := again.run(t, db, nil); err != nil || len(again.stored) == 1 != tt.kept || again.runs == 1 == tt.kept {
				t.Errorf("%v, %d runs, stored %v", err, again.runs, again.stored)
			}
		})
	}
}

// TestAnswerIsAskedRightBeforeCommit, once for the attempt that is committed; its error
// is that of the run.
//
// Mutations seen to fail it: ask before the veto; commit in spite of the error.
func TestAnswerIsAskedRightBeforeCommit(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err   error
		asked int
		want  string
	}{
		"an answer":      {nil, 1, "[a]"},
		"an error":       {errPlain, 1, "[]"},
		"asks to replay": {retryable.Mark(errPlain), 6, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := keeper(doomedBy(1, retryable.Deadlock)...)
			if tt.asked > 1 {
				db = keeper()
			}
			k := newKeyed("")
			asked := 0
			k.o.Key.Answer = func() (txctx.Answer, error) {
				asked++
				if got := db.Log(); got[len(got)-1] != "exec a" || len(db.Answers()) != 0 {
					t.Errorf("asked after %q", got)
				}
				return txctx.Answer{Status: 1}, tt.err
			}
			err := k.run(t, db, nil)
			if asked != tt.asked || fmt.Sprint(db.Committed()) != tt.want || (tt.err == nil) != (err == nil) {
				t.Errorf("%v, asked %d times, committed %v", err, asked, db.Committed())
			}
			if tt.asked == 1 && err != tt.err || tt.asked > 1 && !errors.Is(err, errPlain) {
				t.Errorf("%v", err)
			}
			k.o.Veto = func() bool { return true }
			asked = 0
			_ = k.run(t, keeper(), nil)
			if asked != 0 {
				t.Error("asked although it is rolled back")
			}
		})
	}
}

// TestARunWithoutAnAnswerKeepsAnEmptyOne.
func TestARunWithoutAnAnswerKeepsAnEmptyOne(t *testing.T) {
	t.Parallel()
	db := keeper()
	k := newKeyed("")
	k.o.Key.Answer = nil
	if err := k.run(t, db, nil); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]txctx.Answer{{}}, db.Answers()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}
