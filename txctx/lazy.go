package txctx

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// lazy is a context with a time limit that costs nothing until somebody waits for its
// end: an attempt that never touches the database needs no timer. From then on it is the
// standard library's, made by build.
type lazy struct {
	parent   context.Context
	deadline time.Time // zero for none
	build    func(l *lazy) (context.Context, context.CancelFunc)
	control  *Control // the value of controlKey; nil for the parent's

	mu     sync.Mutex
	over   bool
	real   atomic.Pointer[built]
	cancel context.CancelFunc // of real
}

type built struct{ context.Context }

// become returns the standard library's context, and makes it the first time.
func (l *lazy) become() context.Context {
	if b := l.real.Load(); b != nil {
		return b.Context
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.real.Load(); b != nil {
		return b.Context
	}
	ctx, cancel := l.build(l)
	if l.over {
		cancel()
	}
	l.cancel = cancel
	l.real.Store(&built{ctx})
	return ctx
}

// end ends the context.
func (l *lazy) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.cancel != nil {
		l.cancel()
	}
}

// Deadline implements [context.Context].
func (l *lazy) Deadline() (time.Time, bool) {
	at, ok := l.parent.Deadline()
	if l.deadline.IsZero() || ok && at.Before(l.deadline) {
		return at, ok
	}
	return l.deadline, true
}

// Done implements [context.Context].
func (l *lazy) Done() <-chan struct{} { return l.become().Done() }

// Err implements [context.Context].
func (l *lazy) Err() error {
	if l.real.Load() == nil {
		l.mu.Lock()
		over := l.over
		l.mu.Unlock()
		if !over && l.parent.Err() == nil && (l.deadline.IsZero() || time.Now().Before(l.deadline)) {
			return nil
		}
	}
	return l.become().Err()
}

// Value implements [context.Context]. What the standard library keeps under keys of its
// own is found in the context that it made.
func (l *lazy) Value(key any) any {
	if _, ok := key.(controlKey); ok && l.control != nil {
		return l.control
	}
	if b := l.real.Load(); b != nil {
		return b.Value(key)
	}
	return l.parent.Value(key)
}

// live begins the attempt's context, which ends with AttemptTimeout. Where the attempt may
// wait for the database, it gets a clock that it can stop meanwhile.
func (c *Control) live(now time.Time) {
	policy := c.run.policy
	c.life.parent, c.life.control, c.life.build = c.run.enter(c), c, withDeadline
	switch {
	case policy.AttemptTimeout == retryable.Forever:
	case policy.ConnectWait == 0:
		c.life.deadline = now.Add(policy.AttemptTimeout)
	default:
		c.life.build = withClock
		c.life.become()
	}
}

func withDeadline(l *lazy) (context.Context, context.CancelFunc) {
	if l.deadline.IsZero() {
		return context.WithCancel(l.parent)
	}
	if l.control == nil {
		return context.WithDeadline(l.parent, l.deadline)
	}
	return context.WithDeadlineCause(l.parent, l.deadline, ErrAttemptTimeout)
}

func withClock(l *lazy) (context.Context, context.CancelFunc) {
	c := l.control
	ctx, cancel := context.WithCancelCause(l.parent)
	c.clock = time.AfterFunc(c.run.policy.AttemptTimeout, func() { cancel(ErrAttemptTimeout) })
	return ctx, func() {
		c.clock.Stop()
		cancel(nil)
	}
}

// detached returns the context of COMMIT and ROLLBACK, and of what must be done after
// them: under a context that ends with the request they would lose the connection, or
// their own outcome.
func (c *Control) detached(limit time.Duration) *lazy {
	l := &c.ending.first
	if c.ending.used {
		l = new(lazy) // an adapter may have kept the other
	}
	c.ending.used = true
	c.ending.values.Context = &c.life
	l.parent, l.build = &c.ending.values, withDeadline
	if limit != retryable.Forever {
		l.deadline = time.Now().Add(limit)
	}
	return l
}

// ending is what an attempt's detached contexts are made of.
type ending struct {
	values apart
	first  lazy
	used   bool
}

// apart is a context that lives on: like [context.WithoutCancel], and no allocation.
type apart struct{ context.Context }

func (*apart) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (*apart) Done() <-chan struct{}                   { return nil }
func (*apart) Err() error                              { return nil }
