package torture

import (
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Accounting is invariant 11: handlers ran as often as the events say, no request was
// replayed more often than its policy lets, and none took longer.
func Accounting(h *History, events []txctx.Event, runs int, policy retryable.Policy) []Violation {
	c := complaints{invariant: 11}
	var started, ended, replays, finished int
	for _, ev := range events {
		switch ev.Kind {
		case txctx.AttemptStarted:
			started++
		case txctx.AttemptEnded:
			ended++
		case txctx.ReplayScheduled:
			replays++
		case txctx.RequestFinished:
			finished++
			if ev.Attempt > max(0, policy.MaxRetries)+1 { // NoRetries is less than none
				c.addf("a request took %d attempts", ev.Attempt)
			}
		case txctx.OutcomeLookedUp:
		}
	}
	sent := 0
	for i := range h.Ops {
		sent += h.Ops[i].Sent
	}
	// An attempt whose key has its answer already runs no handler.
	if started != finished+replays || ended != started || finished != sent || runs > started || runs < started && !h.Keys {
		c.addf("%d runs of handlers, %d attempts started, %d ended, %d requests sent, %d finished, %d replays",
			runs, started, ended, sent, finished, replays)
	}
	limit := longest(policy)
	for i := range h.Ops {
		if took := h.Ops[i].Return - h.Ops[i].Call; took > limit*time.Duration(h.Ops[i].Sent) {
			c.addf("%s took %v, and may take %v", h.Ops[i].Ask.Req, took, limit)
		}
	}
	return c.all
}

// longest is what a request may take: an attempt that starts at the last moment, its
// COMMIT, the look-up, and a second.
func longest(p retryable.Policy) time.Duration {
	p = p.WithDefaults()
	return p.RetryFor + p.ConnectWait + p.AttemptTimeout + p.CommitTimeout + p.ResolveFor + time.Second
}
