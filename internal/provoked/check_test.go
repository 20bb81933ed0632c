package provoked_test

import (
	"net/http"
	"slices"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// ended is what is to be seen when a request is over.
type ended struct {
	attempts int
	status   int
	problem  string // "" for a success, and where the scenario gives the status
	effects  []int  // the attempts that took effect
}

// ending follows from the reason, but for what the scenario says itself.
func (p *stage[D]) ending() ended {
	e := ended{attempts: 2, status: http.StatusOK}
	switch reason := p.want.reason; {
	case p.spared:
		e.attempts = 1
	case reason == retryable.None:
		e = ended{attempts: 1, status: http.StatusInternalServerError, problem: "internal-error"}
	case reason == retryable.CommitUnknown:
		e = ended{attempts: 1, status: http.StatusServiceUnavailable, problem: "outcome-unknown"}
	case p.always:
		e = ended{attempts: retries + 1, status: http.StatusServiceUnavailable, problem: "unavailable"}
	}
	if p.attempts != 0 {
		e.attempts = p.attempts
	}
	if p.status != 0 {
		e.status, e.problem = p.status, ""
	}
	switch {
	case p.readOnly || p.noEffect:
	case e.status == http.StatusOK:
		e.effects = []int{e.attempts}
	case p.committed:
		e.effects = []int{1}
	}
	return e
}

// check looks at everything when the request is over.
func (p *stage[D]) check() {
	p.eventually("no connection in use", func() bool { return p.db.inUse() == 0 })
	p.eventually("no transaction left", func() bool { return !p.db.locked(p.T) })

	var attempts []txctx.Event
	for _, ev := range p.events {
		if ev.Kind == txctx.AttemptEnded {
			attempts = append(attempts, ev)
		}
	}
	want := p.ending()
	if len(attempts) != want.attempts || p.answered != want.status || want.problem != "" && p.problem != want.problem {
		p.Errorf("%d attempts, answer %d %s; want %d attempts, answer %d %s",
			len(attempts), p.answered, p.problem, want.attempts, want.status, want.problem)
	}
	if got := p.db.effects(p.T); !slices.Equal(got, want.effects) {
		p.Errorf("the effects of attempts %v, want %v", got, want.effects)
	}
	p.checkVerdict(attempts)
	if p.Failed() {
		for _, ev := range attempts {
			p.Logf("attempt %d: %v at %v, %v: %v (code %s)", ev.Attempt, ev.Reason, ev.Phase, ev.Outcome, ev.Err, p.db.code(ev.Err))
		}
		for _, j := range p.db.asked() {
			p.Logf("asked at %v, said %v: %v (code %s)", j.Phase, j.reason, j.Err, p.db.code(j.Err))
		}
		p.Log(p.logs.String())
	}
}

// checkVerdict looks how the adapter judged the error.
func (p *stage[D]) checkVerdict(attempts []txctx.Event) {
	asked := p.db.asked()
	if i := slices.IndexFunc(asked, func(j judged) bool { return p.matches(j.Err) }); i >= 0 {
		if j := asked[i]; j.reason != p.want.reason || !slices.Contains(p.want.phases, j.Phase) {
			p.Errorf("judged %v at %v, want %v at %v", j.reason, j.Phase, p.want.reason, p.want.phases)
		}
	} else if !p.unasked && p.want.reason != retryable.CommitUnknown {
		p.Errorf("nobody was asked about code %s, text %q", p.want.code, p.text)
	}
	if p.spared || len(attempts) == 0 {
		return
	}
	ev := attempts[0]
	if !p.matches(ev.Err) {
		p.Errorf("attempt 1 failed with %v, want code %s, text %q", ev.Err, p.want.code, p.text)
	}
	if ev.Reason != p.want.reason {
		p.Errorf("attempt 1 was doomed as %v, want %v", ev.Reason, p.want.reason)
	}
	if ev.Reason != retryable.None && !slices.Contains(p.want.phases, ev.Phase) {
		p.Errorf("attempt 1 was doomed at %v, want %v", ev.Phase, p.want.phases)
	}
}
