package txctx

import (
	"context"
	"time"

	"github.com/reprise-go/reprise/retryable"
)

// Connect waits for the attempt's turn, see [Lanes], and calls dial until it
// succeeds. It gives up with dial's error when that is not an outage, when
// Policy.ConnectWait has passed, when ctx ends, or when Options.Stopping is closed. While
// the database is known to be down, see [Gate], dial is not called, and the error is the
// one that it was last found to be down with. An adapter that gets an error back dooms
// the attempt with it.
func (c *Control) Connect(ctx context.Context, dial func(context.Context) error) error {
	c.enterLane(ctx)
	wait := c.run.policy.ConnectWait
	if wait == 0 {
		return c.connectOnce(ctx, 0, dial)
	}
	start := time.Now()
	var pacer *retryable.Pacer
	for !c.run.stopping() {
		err := c.connectOnce(ctx, left(wait, start), dial)
		reason := retryable.ReasonOf(err)
		switch {
		case err == nil, !reason.Outage(), ctx.Err() != nil, left(wait, start) <= 0:
			return err
		case c.run.gate.isShut():
			continue // it waits there
		}
		if pacer == nil {
			pacer = c.run.policy.Pacer()
		}
		pause := pacer.Pause(reason)
		if pause > left(wait, start) || !c.sleep(ctx, pause) {
			return err
		}
	}
	return c.connectOnce(ctx, 0, dial)
}

// connectOnce passes the gate, if there is one, and dials.
func (c *Control) connectOnce(ctx context.Context, wait time.Duration, dial func(context.Context) error) (err error) {
	if err := c.refused(); err != nil {
		return err
	}
	g := c.run.gate
	if g == nil {
		return dial(ctx)
	}
	p, calm := g.calm()
	if !calm {
		if p, err = c.enterGate(ctx, wait); err != nil {
			return err
		}
	}
	c.dial.pass, c.dial.stopped = p, false
	n := noNews
	defer func() { // also when dial panics
		c.Dialed()
		g.leave(p, n, err)
	}()
	err = dial(ctx)
	if n = newsOf(err); err != nil && ctx.Err() != nil {
		n = noNews
	}
	if c.Dialed(); err != nil && c.dial.stopped {
		err = c.dial.why // and what it says is old news
	}
	return err
}

// enterGate waits off the clock, as sleep does.
func (c *Control) enterGate(ctx context.Context, wait time.Duration) (pass, error) {
	policy := c.run.policy
	if c.clock != nil && c.clock.Stop() {
		defer c.clock.Reset(policy.AttemptTimeout)
	}
	if wait > 0 { // else there is little to wait for
		var end func()
		ctx, end = c.run.untilStopping(ctx)
		defer end()
	}
	return c.run.gate.enter(ctx, c.run.db, wait, policy.AcquireTimeout)
}

// sleep waits off the clock: afterwards AttemptTimeout begins anew.
func (c *Control) sleep(ctx context.Context, d time.Duration) bool {
	if c.clock != nil && c.clock.Stop() {
		defer c.clock.Reset(c.run.policy.AttemptTimeout)
	}
	return c.run.sleep(ctx, d)
}

// dialing is a dial that is under way, in the list of its gate.
type dialing struct {
	pass       pass
	stop       func()
	stopped    bool
	why        error    // with stopped
	prev, next *dialing // nil outside the list
}

// Dialing tells the engine, from within the dial of [Control.Connect], that the adapter
// is going to wait for a connection. When the database turns out to be down meanwhile,
// stop is called, once, on another goroutine, or on this one at once; it ends the wait
// and must not block. It is not called after Dialed has returned, or the dial. What dial
// returns then is replaced by the error of those who found the database to be down.
func (c *Control) Dialing(stop func()) {
	g := c.run.gate
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	d := &c.dial
	d.remove()
	d.stop, d.stopped = stop, false
	if d.pass.epoch != g.epoch {
		d.halt(g.refusal)
		return
	}
	d.prev, d.next = &g.dials, g.dials.next
	if d.next != nil {
		d.next.prev = d
	}
	g.dials.next = d
}

// Dialed ends what Dialing began, and reports whether stop has been called. Only who has
// a use for that needs to call it: from then on a connection is safe from stop.
func (c *Control) Dialed() (stopped bool) {
	g, d := c.run.gate, &c.dial
	if g == nil || d.stop == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	d.remove()
	d.stop = nil
	return d.stopped
}

// stopDials stops the dials under way.
func (g *Gate) stopDials() {
	for d := g.dials.next; d != nil; d = g.dials.next {
		d.remove()
		d.halt(g.refusal)
	}
}

func (d *dialing) halt(why error) {
	d.stopped, d.why = true, why
	d.stop()
}

func (d *dialing) remove() {
	if d.prev == nil {
		return
	}
	d.prev.next = d.next
	if d.next != nil {
		d.next.prev = d.prev
	}
	d.prev, d.next = nil, nil
}
