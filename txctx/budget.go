package txctx

import (
	"sync"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// Budgets are what runs have in common that replay within one budget: every run
// deposits a share of a replay, every replay withdraws a whole one, and what is older
// than the window does not count any more. Conflicts and outages have a bucket each, and
// so has the looking up of outcomes, which replays can therefore not use up.
//
// The sizes are those of Policy.ConflictBudget and OutageBudget. Runs that share Budgets
// should have the same; of two windows, that of the first run counts. The zero value is
// ready.
type Budgets struct {
	conflicts, outages, looks, wastes bucket
}

// looking is the budget of looks after the first of each outcome, where the database
// could not be reached: each of them dials.
var looking = retryable.Budget{PerSecond: 10, Window: 10 * time.Second}

const whyBudget = "budget used up"

// deposit is called once for each run.
func (b *Budgets) deposit(p *retryable.Policy, now time.Time) {
	if b == nil {
		return
	}
	if p.OutageBudget.Limited() {
		b.outages.deposit(p.OutageBudget, now)
	}
	if p.ConflictBudget.Limited() {
		b.conflicts.deposit(p.ConflictBudget, now)
	}
}

// of returns the bucket that replays for a reason are withdrawn from, nil if none.
func (b *Budgets) of(p *retryable.Policy, reason retryable.Reason) (*bucket, retryable.Budget) {
	switch outage := reason.Outage() || reason == retryable.CommitUnknown; {
	case b == nil:
	case outage && p.OutageBudget.Limited():
		return &b.outages, p.OutageBudget
	case !outage && p.ConflictBudget.Limited():
		return &b.conflicts, p.ConflictBudget
	}
	return nil, retryable.Budget{}
}

// wasting is the budget of replays that can only fail, since the database is known to be
// down: so few that a run by itself makes all of its replays, and a crowd does not.
var wasting = retryable.Budget{PerSecond: 1, Window: 10 * time.Second}

// mayWaste withdraws such a replay.
func (b *Budgets) mayWaste(now time.Time) bool { return b == nil || b.wastes.withdraw(wasting, now) }

// mayLook withdraws a look.
func (b *Budgets) mayLook(now time.Time) bool { return b == nil || b.looks.withdraw(looking, now) }

const (
	slots  = 10        // of a window: the oldest tenth of it expires at once
	replay = 1_000_000 // the unit of balances is a millionth of one
)

// bucket is the balance of one window.
type bucket struct {
	mu      sync.Mutex
	begun   time.Time // zero before the first use
	width   time.Duration
	newest  int64 // the number of the slot that is being filled, since begun
	slots   [slots]int64
	balance int64 // the sum of slots
}

func (b *bucket) deposit(budget retryable.Budget, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(budget, now, int64(budget.Share*replay))
}

// withdraw takes one replay, and reports whether there was one.
func (b *bucket) withdraw(budget retryable.Budget, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(budget, now, 0)
	reserve := int64(float64(budget.PerSecond) * budget.Window.Seconds() * replay)
	if b.balance+reserve < replay {
		return false
	}
	b.add(budget, now, -replay)
	return true
}

// refund gives back a replay that was withdrawn and not made, where that still counts.
func (b *bucket) refund(budget retryable.Budget, withdrawn, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(budget, now, 0)
	if at := b.slot(withdrawn); b.newest-at < slots {
		b.slots[at%slots] += replay
		b.balance += replay
	}
}

// add lets expire what is too old, and adds n to the newest slot.
func (b *bucket) add(budget retryable.Budget, now time.Time, n int64) {
	if b.begun.IsZero() {
		b.begun, b.width = now, budget.Window/slots
	}
	at := b.slot(now)
	if at-b.newest >= slots {
		b.slots, b.balance, b.newest = [slots]int64{}, 0, at
	}
	for b.newest < at {
		b.newest++
		slot := &b.slots[b.newest%slots]
		b.balance -= *slot
		*slot = 0
	}
	b.slots[b.newest%slots] += n // also of a now that is not the newest
	b.balance += n
}

// slot returns the number of the slot of a time, 0 for those before the first.
func (b *bucket) slot(t time.Time) int64 { return max(0, int64(t.Sub(b.begun)/b.width)) }
