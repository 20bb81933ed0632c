package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// observed counts what Reprise says it did.
type observed struct {
	mu       sync.Mutex
	attempts int
	ended    map[string]int // attempts by reason, phase and outcome
	lost     int            // attempts whose connection was taken away
	needed   [8]int         // requests by attempts needed
	gaveUp   map[string]int // exhausted requests by what their attempts met
}

func (o *observed) observe(_ context.Context, ev txctx.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended == nil {
		o.ended, o.gaveUp = map[string]int{}, map[string]int{}
	}
	switch ev.Kind {
	case txctx.AttemptEnded:
		o.attempts++
		if ev.Reason.Outage() || ev.Reason == retryable.CommitUnknown {
			o.lost++
		}
		o.ended[fmt.Sprintf("%v/%v/%v", ev.Reason, ev.Phase, ev.Outcome)]++
	case txctx.RequestFinished:
		o.needed[min(ev.Attempt, len(o.needed)-1)]++
		if exhausted, ok := errors.AsType[*retryable.ExhaustedError](ev.Err); ok {
			outages := 0
			for _, err := range exhausted.Errs {
				if retryable.ReasonOf(err).Outage() {
					outages++
				}
			}
			o.gaveUp[fmt.Sprintf("%d conflicts, %d outages", len(exhausted.Errs)-outages, outages)]++
		}
	}
}

// checkReplays checks that hardly any request gave up, of those that needed more
// than one attempt.
//
// Mutation seen to fail it: no replays.
func (o *observed) checkReplays(t *testing.T) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	gaveUp, replayed := 0, 0
	for _, n := range o.gaveUp {
		gaveUp += n
	}
	for _, n := range o.needed[2:] {
		replayed += n
	}
	if gaveUp > max(1, replayed/20) {
		t.Errorf("%d requests were replayed, %d gave up", replayed, gaveUp)
	}
}

func (o *observed) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprintf("%d attempts, by reason, phase and outcome %v; requests by attempts needed %v; gave up %v",
		o.attempts, o.ended, o.needed[1:7], o.gaveUp)
}
