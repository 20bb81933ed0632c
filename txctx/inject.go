package txctx

import (
	"context"
	"sync/atomic"
)

// Injection is what a test puts between an attempt and its adapter, see [Inject]. Its
// functions may be called from any goroutine, and must not use the attempt.
type Injection struct {
	// Dial is asked before every dial. Its error is what the dial failed with, for this
	// attempt alone: others do not learn from it that the database is down. none
	Dial func() error

	// Statement is asked before every statement of the handler; the first of an
	// attempt has number 1, and text is for reports. Its error is what the database
	// answers, without having been asked. none
	Statement func(number int, text string) error

	// Stray is told about statements that came after the end of the attempt. The
	// adapter refuses them; it does not see what database/sql has refused before. none
	Stray func(text string)
}

// Inject adds i to the attempt that ctx belongs to. It is for tests, see package txtest:
// DBs that wrap another one call it in Begin, before they call the Begin of the other.
// Of several injections those that came first are asked first, and an error is the last
// that is heard of the statement. Call it before the attempt has goroutines.
//
// Inject panics outside an attempt.
func Inject(ctx context.Context, i Injection) {
	c := mustControl(ctx, "Inject")
	if c.injected == nil {
		c.injected = new(injected)
	}
	c.injected.all = append(c.injected.all, i)
}

// injected is what tests have added to an attempt.
type injected struct {
	all        []Injection
	statements atomic.Int64
}

// Statement is to be called by adapters for every statement of the handler, before it is
// sent, and also where it is refused because of [Control.Doomed]; not for what they send
// on their own account, such as BEGIN or pings. The error is one that a test has planned:
// the adapter does not send the statement then, and treats the error as if the database
// had answered it. Outside of tests it is nil, and costs nothing.
//
// A statement is what handlers call one: a batch counts once, and so do a COPY and a
// savepoint.
func (c *Control) Statement(text string) error {
	if c.injected == nil {
		return nil
	}
	return c.injected.statement(c, text)
}

func (in *injected) statement(c *Control, text string) error {
	c.mu.Lock()
	over, doomed := c.over, c.doom != nil
	c.mu.Unlock()
	switch {
	case over:
		for _, i := range in.all {
			if i.Stray != nil {
				i.Stray(text)
			}
		}
		return nil
	case doomed:
		return nil
	}
	n := int(in.statements.Add(1))
	for _, i := range in.all {
		if i.Statement == nil {
			continue
		}
		if err := i.Statement(n, text); err != nil {
			return err
		}
	}
	return nil
}

// refused returns what a test has planned for the next dial.
func (c *Control) refused() error {
	if c.injected == nil {
		return nil
	}
	for _, i := range c.injected.all {
		if i.Dial == nil {
			continue
		}
		if err := i.Dial(); err != nil {
			return err
		}
	}
	return nil
}
