package pgproxy

import "time"

// fault does what rule a wants done at byte at of the message raw.
func (f *flow) fault(a *armed, raw []byte, at int) {
	l := f.link
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
		l.awaitReply(raw[0], finally)
	case a.Before:
		l.strike(a.Rule)
		it.after = a.hit.done.close
	default:
		it.after = finally
	}
	f.batch = append(f.batch, it)
}

// awaitReply swallows the reply to the message up of type typ, which asks has
// counted, and calls then.
func (l *link) awaitReply(typ byte, then func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reply := l.asked
	if typ != 'Q' && typ != 'S' && typ != 'F' {
		reply++ // to the next one that asks
	}
	if l.swallow == nil {
		l.swallow = &swallow{reply, then}
	}
}

// swallowed reports whether a message down of type typ belongs to a reply that
// does not reach the client, and counts replies.
func (l *link) swallowed(typ byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.swallow
	yes := s != nil && l.answered >= s.reply-1
	if typ != 'Z' {
		return yes
	}
	l.answered++
	if s != nil && l.answered >= s.reply {
		l.swallow = nil
		// In its turn, after the replies before it. The queue never waits for
		// this goroutine, and the lock is not needed to empty it.
		l.down.batch = append(l.down.batch, item{after: s.then})
	}
	return yes
}
