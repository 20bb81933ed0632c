package faultproxy

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Do is what happens to the message that triggers a rule.
type Do uint8

const (
	Forward  Do = iota // pass it on
	Drop               // do not
	Truncate           // pass on its first Rule.Keep bytes
	Delay              // pass it on after Rule.Delay; what follows waits with it
	Hold               // pass it on after Hit.Release; what follows waits with it
)

// Then is what happens to the connection after that. Except with Nothing and
// AwaitReply, whatever comes after the message in its direction is swallowed, and
// so is the reply to a message up that the server gets.
type Then uint8

const (
	Nothing Then = iota

	// CutClient cuts the client off. What it sent before still goes to the
	// server, held or delayed as it may be, and then end of file.
	CutClient

	// CutServer cuts the server off. The client hears nothing of it; what the
	// server sent before still goes to it.
	CutServer

	// CutBoth cuts both off.
	CutBoth

	// BlackHole keeps both open and swallows all they send, closes included.
	BlackHole
)

// Rule says when a fault happens and which. When is required.
type Rule struct {
	When Trigger

	// Nth is the occurrence of When that the rule fires at first. It fires at
	// each later one until it has fired Times times. 1
	Nth int
	// Times is how often the rule fires; -1 has no limit. 1
	Times int
	// PerConn counts, for Nth and Times, in each connection by itself. false: in
	// all of them together
	PerConn bool
	// FromStart also counts the start-up phase with its authentication. false:
	// its bytes and messages are not seen
	FromStart bool

	Do    Do
	Keep  int           // for Truncate
	Delay time.Duration // for Delay

	Then Then
	How  How
	// Before does Then at once, and Do after it. With Hold and CutClient: the
	// late COMMIT. false
	Before bool
	// AwaitReply, for messages up, swallows the server's whole reply and does
	// Then after it: the server has surely done it. Where the message has no reply
	// of its own, it is that to the next message that has. false
	AwaitReply bool
	// KeepServer, for CutClient, does not tell the server: its session, its
	// transaction and its locks stay until CutAll or Close. false
	KeepServer bool
}

// check panics where the rule makes no sense.
func (r Rule) check() {
	switch {
	case r.When.hits == nil:
		panic("faultproxy: Rule.When is missing")
	case r.AwaitReply && (r.When.dir == Down || r.Before):
		panic("faultproxy: Rule.AwaitReply is for messages up, and without Before")
	case r.AwaitReply && (r.Do == Drop || r.Do == Truncate):
		panic("faultproxy: Rule.AwaitReply is for messages that the server gets")
	case r.KeepServer && r.Then != CutClient:
		panic("faultproxy: Rule.KeepServer is for CutClient")
	}
}

// String describes the rule, for logs.
func (r Rule) String() string {
	do := [...]string{"forward", "drop", "truncate", "delay", "hold"}[r.Do]
	then := [...]string{"nothing", "cut client", "cut server", "cut both", "black hole"}[r.Then]
	s := fmt.Sprintf("%s (%d.): %s", r.When, max(r.Nth, 1), do)
	switch r.Do {
	case Truncate:
		s += fmt.Sprintf(" to %d", r.Keep)
	case Delay:
		s += " by " + r.Delay.String()
	}
	if r.AwaitReply {
		s += ", await reply"
	}
	s += ", " + then
	if r.Before {
		s += " before"
	}
	return s + [...]string{" by FIN", " by RST"}[r.How]
}

// Hit is a rule that was added.
type Hit struct {
	rules *rules
	armed *armed

	count    atomic.Int64
	fired    onceChan
	done     onceChan
	released onceChan
}

// Fired returns a channel that is closed when the rule fires first, before it
// does anything.
func (h *Hit) Fired() <-chan struct{} { return h.fired.c }

// Done returns a channel that is closed when all that the rule does has been
// done for the first time: the message has gone on, the connection is cut. It
// stays open where the connection ends before.
func (h *Hit) Done() <-chan struct{} { return h.done.c }

// Count returns how often the rule fired.
func (h *Hit) Count() int { return int(h.count.Load()) }

// Release lets go of all messages held by the rule, now and in the future.
func (h *Hit) Release() { h.released.close() }

// Remove ends the rule. Messages it holds stay held until Release.
func (h *Hit) Remove() { h.rules.remove(h.armed) }

// onceChan is a channel that may be closed again.
type onceChan struct {
	c    chan struct{}
	once sync.Once
}

func (o *onceChan) close() { o.once.Do(func() { close(o.c) }) }
