package txtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
	"github.com/reprise-go/reprise/txtest"
)

// Mutations seen to fail it: let faults of any attempt come; count statements from 0;
// let a fault come again and again; commit where COMMIT is planned to fail; resolve the
// outcome the other way round.
func TestFaultsComeWhereTheyArePlanned(t *testing.T) {
	t.Parallel()
	abc := []string{"a", "b", "c"}
	for _, tt := range []struct {
		name                  string
		plan                  txtest.Plan
		ledger                bool
		attempts              int
		reasons               string // of the attempts that were doomed
		committed, rolledBack []string
		unknown               bool
	}{
		{"nothing", nil, false, 1, "[]", abc, nil, false},
		{"statements", txtest.Plan{
			{Attempt: 2, Statement: 1, Reason: retryable.Disconnected},
			{Attempt: 3, Statement: 3, Reason: retryable.LockTimeout},
			{Attempt: 1, Statement: 2, Reason: retryable.Deadlock},
		}, false, 4, "[deadlock disconnected lock_timeout]", abc, []string{"a", "a", "b"}, false},
		{"connect", txtest.Plan{{Attempt: 1, AtConnect: true, Reason: retryable.Failover}},
			false, 2, "[failover]", abc, nil, false},
		{"COMMIT", txtest.Plan{{Attempt: 1, AtCommit: true, Reason: retryable.Serialization}},
			false, 2, "[serialization]", abc, abc, false},
		{"unknown, not applied", txtest.Plan{{Attempt: 1, AtCommit: true, Reason: retryable.CommitUnknown}},
			false, 1, "[]", nil, abc, true},
		{"unknown, applied", txtest.Plan{{Attempt: 1, AtCommit: true, Reason: retryable.CommitUnknown, Applied: true}},
			false, 1, "[]", abc, nil, true},
		{"looked up, not applied", txtest.Plan{{Attempt: 1, AtCommit: true, Reason: retryable.CommitUnknown}},
			true, 2, "[disconnected]", abc, abc, false},
		{"looked up, applied", txtest.Plan{{Attempt: 1, AtCommit: true, Reason: retryable.CommitUnknown, Applied: true}},
			true, 1, "[]", abc, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inner := &txtest.DB{Ledger: tt.ledger}
			db := txtest.Wrap(inner, tt.plan).MustFire(t)
			var last txctx.Attempt
			err := run(t, db, func(ctx context.Context) error {
				last = txctx.AttemptOf(ctx)
				return statements(abc...)(ctx)
			})
			_, unknown := errors.AsType[*txctx.OutcomeUnknownError](err)
			if unknown != tt.unknown || err != nil && !unknown {
				t.Errorf("error %v", err)
			}
			reasons := []retryable.Reason{}
			for _, err := range last.Errs {
				reasons = append(reasons, retryable.ReasonOf(err))
			}
			want(t, "attempts", last.Number, tt.attempts)
			want(t, "reasons", fmt.Sprintf("%v", reasons), tt.reasons)
			want(t, "committed", inner.Committed(), tt.committed)
			want(t, "rolled back", inner.RolledBack(), tt.rolledBack)
		})
	}
}

func TestConnectWaitDialsAgain(t *testing.T) {
	t.Parallel()
	db := txtest.Wrap(new(txtest.DB), txtest.Plan{
		{Attempt: 1, AtConnect: true, Reason: retryable.Disconnected},
		{Attempt: 1, AtConnect: true, Reason: retryable.Failover},
	}).MustFire(t)
	policy := hasty
	policy.ConnectWait = retryable.Forever
	attempts := 0
	err := txctx.Run(t.Context(), db, txctx.Options{Retry: policy, Logger: quiet}, func(ctx context.Context) error {
		attempts++
		return txtest.Statement(ctx, "a")
	})
	want(t, "error", err, nil)
	want(t, "attempts", attempts, 1)
}

func TestTheHandlerMeetsItsDriversError(t *testing.T) {
	t.Parallel()
	driversOwn := errors.New("pq: deadlock detected")
	db := txtest.Wrap(new(txtest.DB), txtest.Plan{{Attempt: 1, Statement: 1, Reason: retryable.Deadlock, Err: driversOwn}})
	var met error
	_ = run(t, db, func(ctx context.Context) error {
		err := txtest.Statement(ctx, "a")
		if err != nil {
			met = err
		}
		return err
	})
	if !errors.Is(met, driversOwn) || retryable.ReasonOf(met) != retryable.Deadlock {
		t.Errorf("met %v", met)
	}
}

// An attempt that sends nothing has no COMMIT to fail.
//
// Mutation seen to fail it: fail the COMMIT of transactions that were never begun.
func TestUnfiredFaultsAreTold(t *testing.T) {
	t.Parallel()
	later := txtest.Fault{Attempt: 2, Statement: 1, Reason: retryable.Deadlock}
	never := txtest.Fault{Attempt: 1, AtCommit: true, Reason: retryable.Serialization}
	w := new(witness)
	db := txtest.Wrap(new(txtest.DB), txtest.Plan{later, never}).MustFire(w)
	want(t, "error", run(t, db, func(context.Context) error { return nil }), nil)
	want(t, "unfired", db.Unfired(), txtest.Plan{later, never})
	for _, f := range w.cleanup {
		f()
	}
	want(t, "failures", w.errors, []string{
		"planned, but no attempt got so far: deadlock at statement 1 of attempt 2",
		"planned, but no attempt got so far: serialization at COMMIT of attempt 1",
	})
}

// bare is a DB that can do nothing besides.
type bare struct{ txctx.DB }

// gated is one with a gate.
type gated struct {
	txctx.DB
	gate   txctx.Gate
	probed bool
}

func (db *gated) Gate() *txctx.Gate           { return &db.gate }
func (db *gated) Probe(context.Context) error { db.probed = true; return nil }

// Mutation seen to fail it: have a gate of its own.
func TestWrapDoesWhatTheDBDoes(t *testing.T) {
	t.Parallel()
	var db txctx.DB = txtest.Wrap(bare{&txtest.DB{Ledger: true}}, nil)
	if _, ok := db.(txctx.KeyKeeper).KeepsKeys(); ok {
		t.Error("keeps keys although the DB does not say so")
	}
	if db.(txctx.Gated).Gate() != nil {
		t.Error("has a gate although the DB has none")
	}
	inner := &gated{DB: new(txtest.DB)}
	db = txtest.Wrap(txtest.Wrap(inner, nil), nil)
	if db.(txctx.Gated).Gate() != &inner.gate || db.(txctx.Gated).Probe(t.Context()) != nil || !inner.probed {
		t.Error("has not the gate of the DB")
	}
	if _, ok := txtest.Wrap(&txtest.DB{Ledger: true}, nil).KeepsKeys(); !ok {
		t.Error("keeps no keys although the DB does")
	}
}

func TestBadPlansPanic(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault txtest.Fault
		want  string
	}{
		{txtest.Fault{Statement: 1, Reason: retryable.Deadlock}, "Attempt is 0: attempts are numbered from 1"},
		{txtest.Fault{Attempt: 1, Statement: -1, Reason: retryable.Deadlock}, "Statement is -1: statements are numbered from 1"},
		{txtest.Fault{Attempt: 1, Reason: retryable.Deadlock}, "Statement is 0, and neither AtConnect nor AtCommit is set: where does it go wrong?"},
		{txtest.Fault{Attempt: 1, Statement: 1, AtCommit: true, Reason: retryable.Deadlock}, "Statement, AtConnect and AtCommit exclude each other"},
		{txtest.Fault{Attempt: 1, Statement: 1, Reason: retryable.CommitUnknown}, "Reason is commit_unknown, which can be met AtCommit only"},
		{txtest.Fault{Attempt: 1, Statement: 1}, "Reason is none, which dooms no attempt"},
		{txtest.Fault{Attempt: 1, AtCommit: true, Reason: retryable.Deadlock, Applied: true}, "Applied is for commit_unknown only"},
	} {
		good := txtest.Fault{Attempt: 1, Statement: 1, Reason: retryable.Deadlock}
		want(t, "panic", panicOf(func() { txtest.Wrap(new(txtest.DB), txtest.Plan{good, tt.fault}) }), "txtest: Wrap: Plan[1]."+tt.want)
	}
	want(t, "panic", panicOf(func() { txtest.Wrap(nil, nil) }), "txtest: Wrap: db is nil")
}

func panicOf(f func()) (message string) {
	defer func() { message, _ = recover().(string) }()
	f()
	return "no panic"
}
