package faultproxy

import "math/rand/v2"

// Schedule is a stream of random faults; see [Protocol.RandomRule]. The same seed draws
// the same faults in the same order. Where they strike is up to the traffic.
type Schedule struct {
	Seed uint64

	// EveryConns draws a fault for each new connection whose number is a multiple
	// of it, for that one alone. 0: none
	EveryConns int
	// EveryMessages draws a fault after so many messages of both directions, for
	// any connection, and again and again. Too few leave clients no chance. 0:
	// none
	EveryMessages int

	// Logf is told the seed and every fault drawn; testing.TB's is the one to
	// use. It must not call the proxy. none
	Logf func(format string, args ...any)
}

type schedule struct {
	Schedule
	protocol Protocol
	rnd      *rand.Rand
	messages int
}

// SetSchedule starts a schedule in place of the last one. [Proxy.Clear] ends it.
func (p *Proxy) SetSchedule(s Schedule) {
	if s.Logf == nil {
		s.Logf = func(string, ...any) {}
	}
	s.Logf("faultproxy: schedule with seed %d", s.Seed)
	p.rules.mu.Lock()
	defer p.rules.mu.Unlock()
	p.rules.schedule = &schedule{Schedule: s, protocol: p.protocol, rnd: rand.New(rand.NewPCG(s.Seed, 0))}
	p.rules.some.Store(true)
}

// scheduleConn draws a fault for l, the nth connection, if it is its turn.
func (rs *rules) scheduleConn(l *link, n int64) {
	if !rs.some.Load() {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	s := rs.schedule
	if s == nil || s.EveryConns <= 0 || n%int64(s.EveryConns) != 0 {
		return
	}
	r := s.protocol.randomRule(s.rnd, true)
	s.Logf("faultproxy: connection %d: %s", n, r)
	rs.addLocked(r, l)
}

// scheduleMessage counts a message and draws a fault if it is time; rs.mu is
// held.
func (rs *rules) scheduleMessage() {
	s := rs.schedule
	if s == nil || s.EveryMessages <= 0 {
		return
	}
	s.messages++
	if s.messages%s.EveryMessages != 0 {
		return
	}
	r := s.protocol.randomRule(s.rnd, false)
	s.Logf("faultproxy: after %d messages: %s", s.messages, r)
	rs.addLocked(r, nil)
}
