package faultproxy

import (
	"slices"
	"sync"
	"sync/atomic"
)

// rules are those of a proxy.
type rules struct {
	some atomic.Bool // spares the lock where there are none

	mu       sync.Mutex
	all      []*armed
	schedule *schedule
}

// armed is a rule in use.
type armed struct {
	Rule
	hit  *Hit
	only *link // nil: any
	tally
}

// tally is what Nth and Times count.
type tally struct{ seen, fires int }

// Add arms a rule, for live connections too. Where several rules fire at one
// message, the one added first does, and the others have missed it. It panics
// where the rule makes no sense.
func (p *Proxy) Add(r Rule) *Hit {
	r.check()
	return p.rules.add(r, nil)
}

// Clear ends all rules and the schedule. Messages they hold stay held until
// Hit.Release.
func (p *Proxy) Clear() {
	p.rules.mu.Lock()
	defer p.rules.mu.Unlock()
	p.rules.all, p.rules.schedule = nil, nil
	p.rules.some.Store(false)
}

func (rs *rules) add(r Rule, only *link) *Hit {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.addLocked(r, only)
}

func (rs *rules) addLocked(r Rule, only *link) *Hit {
	r.Nth = max(r.Nth, 1)
	if r.Times == 0 {
		r.Times = 1
	}
	h := &Hit{rules: rs}
	for _, o := range []*onceChan{&h.fired, &h.done, &h.released} {
		o.c = make(chan struct{})
	}
	h.armed = &armed{Rule: r, hit: h, only: only}
	rs.all = append(rs.all, h.armed)
	rs.some.Store(true)
	return h
}

func (rs *rules) remove(a *armed) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.drop(a)
}

func (rs *rules) drop(a *armed) {
	rs.all = slices.DeleteFunc(slices.Clone(rs.all), func(b *armed) bool { return a == b })
	rs.some.Store(len(rs.all) > 0 || rs.schedule != nil)
}

// forget drops the rules that were for l alone.
func (rs *rules) forget(l *link) {
	if !rs.some.Load() {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, a := range rs.all {
		if a.only == l {
			rs.drop(a)
		}
	}
}

// match returns the rule that fires at the message m of f, if any, and the byte
// of m it fires at.
func (rs *rules) match(l *link, f *flow, m *Message, ready bool) (*armed, int) {
	if !rs.some.Load() {
		return nil, 0
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if ready {
		rs.scheduleMessage()
	}
	var winner *armed
	var from int
	for _, a := range rs.all { // drop leaves this slice alone
		if a.When.dir != f.dir || !ready && !a.FromStart || a.only != nil && a.only != l {
			continue
		}
		off := f.pos
		if !a.FromStart {
			off -= f.base
		}
		at, ok := a.When.hits(m, off)
		if !ok {
			continue
		}
		t := &a.tally
		if a.PerConn {
			t = f.tally(a)
		}
		t.seen++
		if winner != nil || t.seen < a.Nth || a.Times >= 0 && t.fires >= a.Times {
			continue
		}
		t.fires++
		winner, from = a, at
		if !a.PerConn && t.fires == a.Times {
			rs.drop(a)
		}
	}
	if winner != nil {
		l.p.faults.Add(1)
		winner.hit.count.Add(1)
		winner.hit.fired.close()
	}
	return winner, from
}
