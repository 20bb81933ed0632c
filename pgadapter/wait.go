package pgadapter

import (
	"context"
	"sync"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// wait is a context that can be ended, and costs nothing until somebody waits for its end.
// From then on it is the standard library's.
type wait struct {
	context.Context // before that, the one around it

	mu     sync.Mutex
	real   context.Context
	cancel context.CancelFunc // of what was made of it
	over   bool
}

// become returns the standard library's context.
func (w *wait) become() context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.real == nil {
		ctx, cancel := context.WithCancel(w.Context)
		if w.over {
			cancel()
		}
		w.real = ctx
		w.ends(cancel)
	}
	return w.real
}

// within returns a context that ends with w, or after d, which may be retryable.Forever.
func (w *wait) within(d time.Duration) (context.Context, context.CancelFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ctx context.Context
	var cancel context.CancelFunc
	if d == retryable.Forever {
		ctx, cancel = context.WithCancel(w.Context)
	} else {
		ctx, cancel = context.WithTimeout(w.Context, d)
	}
	if w.over {
		cancel()
	}
	w.ends(cancel)
	return ctx, cancel
}

// ends adds what end must do. Call it under mu.
func (w *wait) ends(cancel context.CancelFunc) {
	if before := w.cancel; before != nil {
		w.cancel = func() { before(); cancel() }
		return
	}
	w.cancel = cancel
}

// end ends the context.
func (w *wait) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.cancel != nil {
		w.cancel()
	}
}

// Done implements [context.Context].
func (w *wait) Done() <-chan struct{} { return w.become().Done() }

// Err implements [context.Context].
func (w *wait) Err() error {
	w.mu.Lock()
	over := w.over
	w.mu.Unlock()
	if err := w.Context.Err(); err != nil || !over {
		return err
	}
	return w.become().Err()
}

// Value implements [context.Context]. What the standard library keeps under keys of its
// own is found in the context that it made.
func (w *wait) Value(key any) any {
	w.mu.Lock()
	ctx := w.real
	w.mu.Unlock()
	if ctx == nil {
		ctx = w.Context
	}
	return ctx.Value(key)
}
