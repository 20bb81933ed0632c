package faultproxy

import (
	"slices"
	"sync"
)

// queriesKept is how many SQL texts are remembered.
const queriesKept = 4096

// counts is what has passed since the start-up phase of each connection.
type counts struct {
	mu      sync.Mutex
	seen    [2][256]int64
	waits   int64
	queries []string
}

func (c *counts) add(dir Dir, m *Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[dir][m.Type]++
	if m.Waits {
		c.waits++
	}
	if m.HasSQL {
		if len(c.queries) == 2*queriesKept {
			c.queries = append(c.queries[:0], c.queries[queriesKept:]...)
		}
		c.queries = append(c.queries, m.SQL)
	}
}

// Count returns how many messages of a type came to the proxy, those of the
// start-up phase left out, those that rules dropped not.
func (p *Proxy) Count(dir Dir, typ byte) int64 {
	p.counts.mu.Lock()
	defer p.counts.mu.Unlock()
	return p.counts.seen[dir][typ]
}

// Flushes returns how many times a client waited for the server, by the messages
// that make it wait.
func (p *Proxy) Flushes() int64 {
	p.counts.mu.Lock()
	defer p.counts.mu.Unlock()
	return p.counts.waits
}

// Queries returns the last 4096 SQL texts, of statements prepared too.
func (p *Proxy) Queries() []string {
	p.counts.mu.Lock()
	defer p.counts.mu.Unlock()
	return slices.Clone(p.counts.queries[max(0, len(p.counts.queries)-queriesKept):])
}

// ResetCounts sets Count, Flushes and Queries back, but not Dials, Cancels and
// Faults.
func (p *Proxy) ResetCounts() {
	p.counts.mu.Lock()
	defer p.counts.mu.Unlock()
	p.counts.seen, p.counts.waits, p.counts.queries = [2][256]int64{}, 0, nil
}
