package faultproxy

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Dir is a direction.
type Dir uint8

const (
	Up   Dir = iota // from the client to the server
	Down            // from the server to the client
)

// How is how a connection is cut.
type How uint8

const (
	// FIN closes in an orderly way: the other side reads what was sent before,
	// then end of file. Like any close, it becomes a reset if the other side
	// goes on sending.
	FIN How = iota
	// RST resets: the other side's calls fail with "connection reset".
	RST
)

// Proxy is a proxy in front of one server. Its methods are safe for concurrent
// use. [Proxy.Close] it.
type Proxy struct {
	protocol Protocol
	listener net.Listener
	ctx      context.Context // over when closed
	stop     context.CancelFunc
	wg       sync.WaitGroup

	refuse, black, dropCancels atomic.Bool
	dials, cancels, faults     atomic.Int64
	latency                    [2]atomic.Int64 // by Dir

	counts counts
	rules  rules

	mu       sync.Mutex
	upstream string
	links    map[*link]struct{}
	closed   bool
}

// New returns a proxy that listens on a free port of 127.0.0.1 and passes
// everything on to upstream, a host:port. Its protocol's own New is the one to
// use.
func New(protocol Protocol, upstream string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("faultproxy: %w", err)
	}
	p := &Proxy{protocol: protocol, listener: l, upstream: upstream, links: map[*link]struct{}{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.wg.Go(p.accept)
	return p, nil
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if p.ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return
		}
		if err != nil {
			// Out of file descriptors, or the client left first.
			select {
			case <-p.ctx.Done():
			case <-time.After(time.Millisecond):
			}
			continue
		}
		n := p.dials.Add(1)
		client := c.(*net.TCPConn)
		if p.refuse.Load() {
			shut(client, RST)
			continue
		}
		l := newLink(p, client)
		p.rules.scheduleConn(l, n) // before l can end and be forgotten
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			client.Close()
			return
		}
		p.links[l] = struct{}{}
		p.mu.Unlock()
		if p.black.Load() {
			l.black.Store(true)
		}
		p.wg.Go(l.run)
	}
}

// Close cuts everything and returns when the last goroutine has ended.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop()
	p.listener.Close()
	p.CutAll(RST)
	p.wg.Wait()
}

// Addr returns the host:port of the proxy. It never changes.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

func (p *Proxy) live() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*link, 0, len(p.links))
	for l := range p.links {
		all = append(all, l)
	}
	return all
}

func (p *Proxy) dial() (*net.TCPConn, error) {
	p.mu.Lock()
	addr := p.upstream
	p.mu.Unlock()
	c, err := new(net.Dialer).DialContext(p.ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// shut closes c.
func shut(c *net.TCPConn, how How) {
	if how == RST {
		_ = c.SetLinger(0) // fails where c is closed
	}
	c.Close()
}
