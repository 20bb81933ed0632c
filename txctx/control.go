package txctx

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// Control is one attempt as its adapter sees it: where it learns that the
// attempt is doomed, and where it reports what dooms it. Its methods may be
// called from any goroutine.
type Control struct {
	run    *run
	life   lazy // the attempt's context
	ending ending
	number int
	prior  []error     // why the attempts before were doomed
	afterL bool        // the attempt before lost its connection
	clock  *time.Timer // of AttemptTimeout, nil where it need not be stopped
	answer *Answer     // to be kept with the key of the run, nil until right before COMMIT
	dial   dialing

	injected *injected // by tests, nil in production

	mu    sync.Mutex
	over  bool
	doom  error
	phase retryable.Phase
	wish  wish
	hooks []func(context.Context)
	lane  *ticket // nil before the transaction begins
	wait  time.Duration
}

// wish is what the handler asked for at the end of its attempt.
type wish uint8

const (
	wishNone wish = iota
	wishRollback
	wishCommit
)

type controlKey struct{}

// controlOf returns the attempt ctx belongs to, nil outside of one.
func controlOf(ctx context.Context) *Control {
	c, _ := ctx.Value(controlKey{}).(*Control)
	return c
}

// Doomed returns nil while statements may be sent, [ErrAttemptOver] after the
// attempt has ended, and otherwise the error that doomed the attempt. Adapters
// ask before every statement and answer what it says.
func (c *Control) Doomed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return ErrAttemptOver
	}
	return c.doom
}

// Doom makes err the end of the attempt: nothing is committed, and the attempt
// is replayed if err is retryable.ErrRetry. The first error stays; an error that
// wraps it takes its place, for the context it adds. After the end of the
// attempt, and for a nil error, Doom does nothing.
func (c *Control) Doom(err error, phase retryable.Phase) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
	case c.doom == nil:
		c.doom, c.phase = err, phase
	case errors.Is(err, c.doom) && errors.Is(err, retryable.ErrRetry) == errors.Is(c.doom, retryable.ErrRetry):
		c.doom = err
	}
}

// Forgive takes back a doom for retryable.LockTimeout: a rollback to a savepoint
// has undone the statement that met it. Other dooms stay.
func (c *Control) Forgive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if retryable.ReasonOf(c.doom) == retryable.LockTimeout {
		c.doom, c.phase = nil, 0
	}
}

// Fence is DisableReplay for adapters: something may have been committed in this attempt
// that its rollback does not undo, such as what came before data definition on MySQL. If
// the attempt is doomed, the result is an *[OutcomeUnknownError]: nobody can say that
// nothing was changed.
func (c *Control) Fence(why string) {
	c.run.fenceOff(why)
	c.run.mu.Lock()
	defer c.run.mu.Unlock()
	c.run.leaked = true
}

// ReadOnly reports whether the transaction is to be READ ONLY.
func (c *Control) ReadOnly() bool { return c.run.o.ReadOnly }

// Number returns the number of the attempt, from 1.
func (c *Control) Number() int { return c.number }

// AfterLoss reports whether the attempt before lost its connection, so that this
// one must make sure that its own is alive before it uses it.
func (c *Control) AfterLoss() bool { return c.afterL }

// Policy returns the policy of the run, with all defaults set.
func (c *Control) Policy() retryable.Policy { return *c.run.policy }

// HookMark returns the mark that DropHooks takes: adapters keep it with a
// savepoint.
func (c *Control) HookMark() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.hooks)
}

// DropHooks drops the AfterCommit functions registered since mark was taken,
// because the savepoint it was taken at has been rolled back.
func (c *Control) DropHooks(mark int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mark < len(c.hooks) {
		clear(c.hooks[mark:])
		c.hooks = c.hooks[:mark]
	}
}

// enterLane waits for the attempt's turn when it is about to begin.
func (c *Control) enterLane(ctx context.Context) {
	o := &c.run.o
	if o.Lanes == nil || o.Lane == nil || c.hasLane() {
		return
	}
	key := o.Lane()
	if key == "" {
		return
	}
	asked := time.Now()
	t := o.Lanes.enter(ctx, key, c.number > 1, c.run.policy.RetryFor/4)
	c.mu.Lock()
	over := c.over
	if !over {
		c.lane = &t
		if t.queued {
			c.wait = time.Since(asked)
		}
	}
	c.mu.Unlock()
	if over { // a stray statement: its turn is nobody's
		o.Lanes.leave(t, retryable.None)
	}
}

func (c *Control) hasLane() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lane != nil
}

// leaveLane ends the attempt's turn and returns how long it had waited for it.
// Call it after end.
func (c *Control) leaveLane(reason retryable.Reason) (waited time.Duration) {
	c.mu.Lock()
	t := c.lane
	c.lane = nil
	waited = c.wait
	c.mu.Unlock()
	if t != nil {
		c.run.o.Lanes.leave(*t, reason)
	}
	return waited
}

// end closes the attempt for its handler and adapter and returns what they left.
func (c *Control) end() (w wish, phase retryable.Phase, doom error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.wish, c.phase, c.doom
}

// takeHooks hands over the AfterCommit functions. Call it after end.
func (c *Control) takeHooks() []func(context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hooks := c.hooks
	c.hooks = nil
	return hooks
}
