package faultproxy

import "time"

// fault does what rule a wants done at byte at of the message m.
func (f *flow) fault(a *armed, m *Message, at int) {
	l, raw := f.link, m.raw
	if at > 0 {
		f.pass(raw[:at])
	}
	it := item{data: raw[at:], due: f.due()}
	switch a.Do {
	case Drop:
		it.data = nil
	case Truncate:
		it.data = it.data[:max(0, min(a.Keep, len(it.data)))]
	case Delay:
		if it.due.IsZero() {
			it.due = time.Now()
		}
		it.due = it.due.Add(a.Delay)
	case Hold:
		it.hold = a.hit.released.c
	}
	// What comes after the place of the cut never leaves. A reply that is waited
	// for puts that place after it.
	f.dead = a.Then != Nothing && !a.AwaitReply

	finally := func() {
		l.strike(a.Rule)
		a.hit.done.close()
	}
	switch {
	case a.AwaitReply:
		l.swallowReply(m, finally)
	case a.Before:
		l.strike(a.Rule)
		it.after = a.hit.done.close
	default:
		it.after = finally
		if f.dir == Up && f.dead && a.Do != Drop && a.Do != Truncate {
			l.swallowReply(m, nil) // a server is sometimes faster than the cut
		}
	}
	f.batch = append(f.batch, it)
}

// swallowReply swallows the reply to the message up m, which sent has counted, and
// calls then.
func (l *link) swallowReply(m *Message, then func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reply := l.asked
	if !m.Asks {
		reply++ // to the next one that asks
	}
	if l.swallow == nil {
		l.swallow = &swallow{reply, then}
	}
}

// swallowed reports whether the message down m belongs to a reply that does not
// reach the client, and counts replies.
func (l *link) swallowed(m *Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.swallow
	yes := s != nil && l.answered >= s.reply-1
	if !m.Ends {
		return yes
	}
	l.answered++
	if s != nil && l.answered >= s.reply {
		l.swallow = nil
		if s.then != nil {
			// In its turn, after the replies before it. The queue never waits for
			// this goroutine, and the lock is not needed to empty it.
			l.down.batch = append(l.down.batch, item{after: s.then})
		}
	}
	return yes
}
