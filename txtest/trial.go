package txtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// trial is one request that is shaken.
type trial struct {
	name string

	mu       sync.Mutex
	attempts []*record // in order
	running  *record   // nil between attempts
	shaken   *record   // the attempt that was doomed because it had come to its end
	effects  []effect
	end      txctx.Event // that the request finished; zero if it passed by
}

// effect is something that happened outside of the transaction.
type effect struct {
	name    string
	key     string  // with which it may be repeated
	attempt *record // nil after the attempts
}

// errShaken dooms first attempts.
var errShaken = &retryable.Error{
	Reason: retryable.Serialization,
	Err:    errors.New("txtest: shaken"),
}

type trialKey struct{}

func trialOf(ctx context.Context) *trial {
	t, _ := ctx.Value(trialKey{}).(*trial)
	return t
}

func newTrial(number int, r *http.Request) *trial {
	return &trial{name: fmt.Sprintf("%s %s (request %d)", r.Method, r.URL.Path, number)}
}

// serve serves r as a server does.
func (s *Shaker) serve(h http.Handler, r *http.Request, t *trial) {
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), trialKey{}, t))
	defer cancel()
	s.setTrial(t)
	defer s.setTrial(nil)
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
}

// begin begins the record of an attempt. It returns nil where there is one already,
// because the middleware is nested.
func (t *trial) begin(number int) *record {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running != nil {
		return nil
	}
	t.running = &record{number: number}
	t.attempts = append(t.attempts, t.running)
	return t.running
}

// finish ends the record of the attempt under way, and reports whether it is to be
// doomed.
func (t *trial) finish() (doom bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running.finish()
	t.running = nil
	return t.shaken == nil
}

// observe is told about the attempts.
func (t *trial) observe(ev txctx.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch ev.Kind {
	case txctx.AttemptEnded:
		if n := len(t.attempts); n > 0 && errors.Is(ev.Err, errShaken) {
			t.shaken = t.attempts[n-1]
		}
	case txctx.RequestFinished:
		t.end = ev
	}
}

func (t *trial) effect(e effect) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.attempt = t.running
	t.effects = append(t.effects, e)
}

// used reports whether the request used the database in an attempt.
func (t *trial) used() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, rec := range t.attempts {
		if rec.used() {
			return true
		}
	}
	return false
}
