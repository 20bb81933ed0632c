package txctx

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func newLazy(parent context.Context, limit time.Duration) *lazy {
	return &lazy{parent: parent, deadline: time.Now().Add(limit), build: withDeadline, control: new(Control)}
}

// TestLazyIsAContext: whatever is asked first, it answers as the standard library's
// contexts do.
//
// Mutations seen to fail it: forget over; ask the parent for values when there is a real
// one; no look at the clock in Err.
func TestLazyIsAContext(t *testing.T) {
	type key struct{}
	ends := map[string]struct {
		do    func(l *lazy, stop context.CancelFunc)
		err   error
		cause error
	}{
		"never":          {func(*lazy, context.CancelFunc) {}, nil, nil},
		"in time":        {func(*lazy, context.CancelFunc) { time.Sleep(59 * time.Second) }, nil, nil},
		"too late":       {func(*lazy, context.CancelFunc) { time.Sleep(61 * time.Second) }, context.DeadlineExceeded, ErrAttemptTimeout},
		"by the parent":  {func(_ *lazy, stop context.CancelFunc) { stop() }, context.Canceled, context.Canceled},
		"by its own end": {func(l *lazy, _ context.CancelFunc) { l.end() }, context.Canceled, context.Canceled},
	}
	for _, early := range []bool{true, false} { // somebody waits before the end
		for name, tt := range ends {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
					defer stop()
					l := newLazy(parent, time.Minute)
					defer l.end()
					var child context.Context = l
					if early {
						var cancel context.CancelFunc
						child, cancel = context.WithCancel(l)
						defer cancel()
					}
					tt.do(l, stop)
					synctest.Wait()
					for _, ctx := range []context.Context{l, child} {
						if err := ctx.Err(); !errors.Is(err, tt.err) {
							t.Errorf("Err: %v, want %v", err, tt.err)
						}
						if cause := context.Cause(ctx); !errors.Is(cause, tt.cause) {
							t.Errorf("Cause: %v, want %v", cause, tt.cause)
						}
						select {
						case <-ctx.Done():
							if tt.err == nil {
								t.Error("it is done")
							}
						default:
							if tt.err != nil {
								t.Error("it is not done")
							}
						}
						if v := ctx.Value(key{}); v != "value" {
							t.Errorf("value %v", v)
						}
						if at, ok := ctx.Deadline(); !ok || at != l.deadline {
							t.Errorf("deadline %v, %v", at, ok)
						}
					}
				})
			})
		}
	}
}

// TestLazyCostsNothing until somebody waits.
func TestLazyCostsNothing(t *testing.T) {
	l := newLazy(t.Context(), time.Minute)
	if n := testing.AllocsPerRun(100, func() {
		if l.Err() != nil || l.Value(t) != nil {
			t.Error("it has ended, or a value")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	l.end()
}
