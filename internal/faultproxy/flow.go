package faultproxy

import (
	"net"
	"time"
)

// flow is one direction of a link.
type flow struct {
	link  *link
	dir   Dir
	in    *frames
	queue *queue

	// Of the reading goroutine:
	pos     int64 // of the next message
	base    int64 // pos after the start-up phase
	based   bool
	dead    bool // a rule has cut this flow: what comes is swallowed
	batch   []item
	tallies map[*armed]*tally // of rules that count per connection
}

func newFlow(l *link, dir Dir, c net.Conn) *flow {
	f := &flow{link: l, dir: dir, queue: newQueue()}
	if c != nil {
		f.in = newFrames(c)
	}
	return f
}

func (f *flow) tally(a *armed) *tally {
	t := f.tallies[a]
	if t == nil {
		if f.tallies == nil {
			f.tallies = map[*armed]*tally{}
		}
		t = new(tally)
		f.tallies[a] = t
	}
	return t
}

// read reads messages until the source ends. first is one that was read before.
func (f *flow) read(first []byte) {
	if first != nil {
		f.message(first)
	}
	for {
		raw, err := f.in.next(f.need, f.flush)
		switch {
		case err == nil:
			f.message(raw)
		case len(raw) > 0 && !f.dead && !f.link.black.Load():
			f.pass(raw) // the source died within a message
		}
		if err != nil {
			f.flush()
			f.link.ended(f, err)
			return
		}
	}
}

func (f *flow) need(have []byte) (int, error) { return f.link.conn.Need(f.dir, have) }

// flush hands over what was read together.
func (f *flow) flush() {
	if len(f.batch) > 0 {
		f.queue.push(f.batch...)
		clear(f.batch)
		f.batch = f.batch[:0]
	}
}

// message decides about one message.
func (f *flow) message(raw []byte) {
	l := f.link
	m := l.conn.Read(f.dir, raw)
	m.raw = raw
	ready := l.ready.Load()
	if ready {
		if !f.based {
			f.based, f.base = true, f.pos
		}
		l.p.counts.add(f.dir, &m)
	} else if f.dir == Down && m.Ends {
		// Before the client can answer, and after this message.
		defer l.ready.Store(true)
	}
	defer func() { f.pos += int64(len(raw)) }()

	if f.dead || l.black.Load() {
		return
	}
	if ready && f.dir == Down && l.swallowed(&m) {
		return
	}
	rule, at := l.p.rules.match(l, f, &m, ready)
	if rule == nil || rule.Do != Drop && rule.Do != Truncate {
		f.sent(&m, ready)
	}
	if rule == nil {
		f.pass(raw)
		return
	}
	f.fault(rule, &m, at)
}

// sent counts the messages up that are replied to.
func (f *flow) sent(m *Message, ready bool) {
	if f.dir != Up {
		return
	}
	f.link.conn.Sent(*m)
	if ready && m.Asks {
		f.link.mu.Lock()
		f.link.asked++
		f.link.mu.Unlock()
	}
}

// pass lets data go on.
func (f *flow) pass(data []byte) {
	f.batch = append(f.batch, item{data: data, due: f.due()})
}

// due is when data read just now is to go on.
func (f *flow) due() time.Time {
	if d := f.link.p.latency[f.dir].Load(); d > 0 {
		return f.in.at.Add(time.Duration(d))
	}
	return time.Time{}
}

// write writes what is queued until the link ends.
func (f *flow) write(dst net.Conn) {
	var (
		sleep  sleeper
		buf    []byte
		failed bool // dst is gone; what is meant for it is thrown away
	)
	defer sleep.close()
	for {
		it, ok := f.queue.head()
		if !ok {
			return
		}
		if it.hold != nil {
			select {
			case <-it.hold:
			case <-f.link.done:
				return
			}
		}
		if !it.due.IsZero() && !sleep.until(it.due, f.link.done) {
			return
		}
		var after func()
		buf, after = f.queue.take(buf[:0])
		if len(buf) > 0 && !failed && !f.link.black.Load() {
			_, err := dst.Write(buf)
			failed = err != nil
		}
		if after != nil {
			after()
		}
		if cap(buf) > 1<<20 {
			buf = nil
		}
	}
}
