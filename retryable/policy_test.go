package retryable_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/retryable"
)

func TestAZeroPolicyIsInteractive(t *testing.T) {
	t.Parallel()
	want := retryable.Policy{
		MaxRetries: 5, RetryFor: 10 * time.Second, AcquireTimeout: 5 * time.Second, AttemptTimeout: time.Minute,
		CommitTimeout: 5 * time.Second, ResolveFor: 5 * time.Second,
		Conflict: retryable.Backoff{Base: 5 * time.Millisecond, Max: 250 * time.Millisecond},
		Outage:   retryable.Backoff{Base: 50 * time.Millisecond, Max: time.Second},

		ConflictBudget: retryable.Budget{PerSecond: retryable.Unlimited},
		OutageBudget:   retryable.Budget{Share: 0.2, PerSecond: 10, Window: 10 * time.Second},
	}
	if diff := cmp.Diff(want, retryable.Policy{}.WithDefaults()); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, retryable.Interactive()); diff != "" {
		t.Errorf("Interactive (-want +got):\n%s", diff)
	}
}

func TestDefaultsKeepWhatIsSet(t *testing.T) {
	t.Parallel()
	for _, p := range []retryable.Policy{
		retryable.Persistent(),
		{
			MaxRetries: retryable.NoRetries, RetryFor: 1, ConnectWait: 2, AcquireTimeout: 3, AttemptTimeout: 4, CommitTimeout: 5,
			ResolveFor: 6, Conflict: retryable.Backoff{Base: 1, Max: 2}, Outage: retryable.Backoff{Base: 3, Max: 4},
			ConflictBudget: retryable.Budget{PerSecond: 5, Window: 6}, OutageBudget: retryable.Budget{Share: 7, Window: 8},
		},
	} {
		if diff := cmp.Diff(p, p.WithDefaults()); diff != "" {
			t.Errorf("(-set +with defaults):\n%s", diff)
		}
	}
}

func TestABudgetWithoutAWindowHasTheDefaults(t *testing.T) {
	t.Parallel()
	p := retryable.Policy{OutageBudget: retryable.Budget{Share: 0.1}, ConflictBudget: retryable.Budget{PerSecond: 1}}.WithDefaults()
	for _, b := range []retryable.Budget{p.OutageBudget, p.ConflictBudget} {
		if b.Window != 10*time.Second || !b.Limited() {
			t.Errorf("%+v", b)
		}
	}
	if p.OutageBudget.PerSecond != 0 || p.ConflictBudget.Share != 0 {
		t.Errorf("%+v: what was left out of a budget that is set is none", p)
	}
	if p := retryable.Persistent(); p.OutageBudget.Limited() || p.ConflictBudget.Limited() {
		t.Errorf("Persistent has a budget: %+v", p)
	}
}

func TestPersistentWaitsWithoutLimit(t *testing.T) {
	t.Parallel()
	p := retryable.Persistent()
	if p.MaxRetries != retryable.Unlimited || p.RetryFor != retryable.Forever || p.ConnectWait != retryable.Forever {
		t.Errorf("Persistent() = %+v", p)
	}
	if err := p.Validate(); err != nil {
		t.Errorf("Persistent is not valid: %v", err)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		field string // "" is a valid policy
		p     retryable.Policy
	}{
		{"", retryable.Policy{}},
		{"", retryable.Policy{MaxRetries: retryable.NoRetries}},
		{"", retryable.Policy{Conflict: retryable.Backoff{Base: 1, Max: 1}}},
		{"MaxRetries", retryable.Policy{MaxRetries: -2}},
		{"RetryFor", retryable.Policy{RetryFor: -1}},
		{"ConnectWait", retryable.Policy{ConnectWait: -1}},
		{"AcquireTimeout", retryable.Policy{AcquireTimeout: -1}},
		{"AttemptTimeout", retryable.Policy{AttemptTimeout: -1}},
		{"CommitTimeout", retryable.Policy{CommitTimeout: -1}},
		{"ResolveFor", retryable.Policy{ResolveFor: -1}},
		{"Conflict", retryable.Policy{Conflict: retryable.Backoff{Base: 1}}},
		{"Conflict", retryable.Policy{Conflict: retryable.Backoff{Max: 1}}},
		{"Outage", retryable.Policy{Outage: retryable.Backoff{Base: 2, Max: 1}}},
		{"Outage", retryable.Policy{Outage: retryable.Backoff{Base: -1, Max: 1}}},
		{"", retryable.Policy{OutageBudget: retryable.Budget{PerSecond: retryable.Unlimited}}},
		{"", retryable.Policy{OutageBudget: retryable.Budget{Share: 1000, PerSecond: 1_000_000, Window: time.Hour}}},
		{"OutageBudget.Share", retryable.Policy{OutageBudget: retryable.Budget{Share: -0.1}}},
		{"OutageBudget.Share", retryable.Policy{OutageBudget: retryable.Budget{Share: math.NaN()}}},
		{"OutageBudget.Share", retryable.Policy{OutageBudget: retryable.Budget{Share: math.Inf(1)}}},
		{"OutageBudget.PerSecond", retryable.Policy{OutageBudget: retryable.Budget{PerSecond: -1}}},
		{"OutageBudget.PerSecond", retryable.Policy{OutageBudget: retryable.Budget{PerSecond: 1_000_001}}},
		{"OutageBudget.Window", retryable.Policy{OutageBudget: retryable.Budget{Window: time.Second - 1}}},
		{"OutageBudget.Window", retryable.Policy{OutageBudget: retryable.Budget{Window: -time.Second}}},
		{"ConflictBudget.Window", retryable.Policy{ConflictBudget: retryable.Budget{Window: time.Hour + 1}}},
	} {
		switch err := tt.p.Validate(); {
		case tt.field == "" && err != nil:
			t.Errorf("%+v: %v", tt.p, err)
		case tt.field != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.field+": ")):
			t.Errorf("%s: %v", tt.field, err)
		}
	}
}

// The n-th pause lies between zero and Base doubled n-1 times, at most Max, and
// is drawn evenly: its mean is half of that. Mutation: NewExponential without
// WithFullJitter, or the cap outside the jitter.
func TestPausesHaveFullJitter(t *testing.T) {
	t.Parallel()
	const draws = 2000
	for _, tt := range []struct {
		reason    retryable.Reason
		base, max time.Duration
	}{
		{retryable.Deadlock, 5 * time.Millisecond, 250 * time.Millisecond},
		{retryable.Requested, 5 * time.Millisecond, 250 * time.Millisecond},
		{retryable.Disconnected, 50 * time.Millisecond, time.Second},
		{retryable.CommitUnknown, 50 * time.Millisecond, time.Second},
	} {
		var sum [8]time.Duration
		for range draws {
			pacer := retryable.Policy{}.Pacer()
			for n := range sum {
				limit := min(tt.base<<n, tt.max)
				pause := pacer.Pause(tt.reason)
				if pause < 0 || pause > limit {
					t.Fatalf("%v: pause %d is %v, want at most %v", tt.reason, n+1, pause, limit)
				}
				sum[n] += pause
			}
		}
		for n, total := range sum {
			limit := min(tt.base<<n, tt.max)
			mean := float64(total) / draws / float64(limit)
			if math.Abs(mean-0.5) > 0.06 { // nine standard deviations
				t.Errorf("%v: pause %d has mean %.2f of its limit, want 0.5", tt.reason, n+1, mean)
			}
		}
	}
}

func TestConflictsAndOutagesGrowSeparately(t *testing.T) {
	t.Parallel()
	for range 200 {
		pacer := retryable.Policy{}.Pacer()
		for range 20 {
			pacer.Pause(retryable.Failover)
		}
		if pause := pacer.Pause(retryable.Serialization); pause > 5*time.Millisecond {
			t.Fatalf("the first conflict after outages pauses %v", pause)
		}
	}
}

// Mutation: make the pacer a field of a shared policy.
func TestPacersOfOnePolicyShareNothing(t *testing.T) {
	t.Parallel()
	p := retryable.Policy{Conflict: retryable.Backoff{Base: time.Millisecond, Max: time.Hour}}
	used := p.Pacer()
	for range 20 {
		used.Pause(retryable.Deadlock)
	}
	for range 200 {
		if pause := p.Pacer().Pause(retryable.Deadlock); pause > time.Millisecond {
			t.Fatalf("a new pacer begins with %v", pause)
		}
	}
}

func TestAPacerNeverOverflows(t *testing.T) {
	t.Parallel()
	pacer := retryable.Policy{Outage: retryable.Backoff{Base: time.Hour, Max: retryable.Forever}}.Pacer()
	for range 200 {
		if pause := pacer.Pause(retryable.Overloaded); pause < 0 {
			t.Fatalf("pause %v", pause)
		}
	}
}
