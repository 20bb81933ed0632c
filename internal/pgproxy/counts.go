package pgproxy

import (
	"slices"
	"sync"
)

// queriesKept is how many SQL texts are remembered.
const queriesKept = 4096

// counts is what has passed since the first ReadyForQuery of each connection.
type counts struct {
	mu      sync.Mutex
	seen    [2][256]int64
	queries []string
}

func (c *counts) add(dir Dir, raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[dir][raw[0]]++
	if dir != Up {
		return
	}
	if sql, ok := sqlOf(raw); ok {
		if len(c.queries) == 2*queriesKept {
			c.queries = append(c.queries[:0], c.queries[queriesKept:]...)
		}
		c.queries = append(c.queries, sql)
	}
}

// Count returns how many messages of a type came to the proxy, those of startup
// and authentication left out, those that rules dropped not.
func (p *Proxy) Count(dir Dir, typ byte) int64 {
	p.counts.mu.Lock()
	defer p.counts.mu.Unlock()
	return p.counts.seen[dir][typ]
}

// Flushes returns how many times a client waited for the server: its Query,
// Sync, Flush and FunctionCall messages.
func (p *Proxy) Flushes() int64 {
	return p.Count(Up, 'Q') + p.Count(Up, 'S') + p.Count(Up, 'H') + p.Count(Up, 'F')
}

// Queries returns the last 4096 SQL texts of Query and Parse messages.
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
	p.counts.seen, p.counts.queries = [2][256]int64{}, nil
}
