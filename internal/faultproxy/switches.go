package faultproxy

import "time"

// SetUpstream sends new connections to another server.
func (p *Proxy) SetUpstream(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.upstream = addr
}

// Refuse makes the proxy reset new connections as soon as they are made. Live
// ones stay.
func (p *Proxy) Refuse(on bool) { p.refuse.Store(on) }

// BlackHole swallows what is sent in both directions, closes included, on all
// live connections and new ones. What was swallowed is gone: connections that
// were live while it was on stay black until they are cut.
func (p *Proxy) BlackHole(on bool) {
	p.black.Store(on)
	if on {
		for _, l := range p.live() {
			l.black.Store(true)
		}
	}
}

// DropCancels swallows cancel requests, which are otherwise passed on. They are
// those that come on a connection of their own, as in PostgreSQL; MySQL has none.
func (p *Proxy) DropCancels(on bool) { p.dropCancels.Store(on) }

// SetLatency delays every byte that is read from now on, without limiting the
// rate. On Linux it is exact to some 50 µs. It does not delay the making of a
// connection.
func (p *Proxy) SetLatency(up, down time.Duration) {
	p.latency[Up].Store(int64(up))
	p.latency[Down].Store(int64(down))
}

// CutAll cuts all connections at both ends at once, whatever is under way, and
// says how many sessions that were.
func (p *Proxy) CutAll(how How) int {
	n := 0
	for _, l := range p.live() {
		if l.session.Load() {
			n++
		}
		l.finish(how)
	}
	return n
}

// Conns returns the number of sessions that are open at either end.
func (p *Proxy) Conns() int {
	n := 0
	for _, l := range p.live() {
		if l.session.Load() {
			n++
		}
	}
	return n
}

// Dials returns how many connections were made to the proxy, with those refused
// and those of cancel requests.
func (p *Proxy) Dials() int64 { return p.dials.Load() }

// Cancels returns how many cancel requests came, with those dropped.
func (p *Proxy) Cancels() int64 { return p.cancels.Load() }

// Faults returns how often rules fired.
func (p *Proxy) Faults() int64 { return p.faults.Load() }
