package faultproxy

import (
	"sync"
	"time"
)

// queueLimit is how many bytes wait before the source has to. It is what 1 ms of
// latency lets through 4 GB/s with.
const queueLimit = 4 << 20

// item is a piece of a stream and what goes with it.
type item struct {
	data  []byte
	due   time.Time       // zero: now
	hold  <-chan struct{} // nil: not held
	after func()          // once data is written
}

// queue is a stream under way. One goroutine puts in, one takes out.
type queue struct {
	mu     sync.Mutex
	change sync.Cond
	items  []item
	size   int
	closed bool
}

func newQueue() *queue {
	q := new(queue)
	q.change.L = &q.mu
	return q
}

// push adds items, or drops them where the queue is closed.
func (q *queue) push(items ...item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.size > queueLimit && !q.closed {
		q.change.Wait()
	}
	if q.closed {
		return
	}
	for _, it := range items {
		q.size += len(it.data)
	}
	q.items = append(q.items, items...)
	q.change.Broadcast()
}

// head waits for the first item and returns it without taking it, or false
// where the queue is closed.
func (q *queue) head() (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.closed {
		q.change.Wait()
	}
	if q.closed {
		return item{}, false
	}
	return q.items[0], true
}

// take takes the first item and those after it that can go with it, and appends
// their data to buf.
func (q *queue) take(buf []byte) ([]byte, func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	n := 0
	var after func()
	for i, it := range q.items {
		if i > 0 && (it.hold != nil || it.due.After(now)) {
			break
		}
		buf = append(buf, it.data...)
		n++
		if after = it.after; after != nil {
			break
		}
	}
	clear(q.items[:n])
	q.items = q.items[n:]
	q.size -= len(buf)
	q.change.Broadcast()
	return buf, after
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.items = nil
	q.change.Broadcast()
}
