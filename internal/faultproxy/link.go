package faultproxy

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// link is a client's connection and the one to the server that goes with it.
type link struct {
	p      *Proxy
	conn   Conn
	client *net.TCPConn
	server *net.TCPConn // nil before it is dialled; see setServer
	up     *flow
	down   *flow

	session atomic.Bool // the server is connected
	ready   atomic.Bool // the start-up phase is over
	black   atomic.Bool // nothing passes any more

	once sync.Once
	done chan struct{} // closed by finish

	mu         sync.Mutex
	finished   bool
	clientGone bool // has nothing more to say
	serverGone bool
	keepClient bool // it is not told that the server has gone
	keepServer bool
	asked      int64 // messages with Asks passed on
	answered   int64 // messages with Ends seen in reply
	swallow    *swallow
}

// swallow is a reply that does not reach the client.
type swallow struct {
	reply int64  // its number, from 1
	then  func() // nil: nothing
}

func newLink(p *Proxy, client *net.TCPConn) *link {
	l := &link{p: p, conn: p.protocol.Open(), client: client, done: make(chan struct{})}
	l.up, l.down = newFlow(l, Up, client), newFlow(l, Down, nil)
	return l
}

// run carries the connection until it ends.
func (l *link) run() {
	defer l.finish(FIN)
	first, ok := l.start()
	if !ok {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { l.up.write(l.server) })
	wg.Go(func() { l.down.write(l.client) })
	wg.Go(func() { l.down.read(nil) })
	l.up.read(first)
	wg.Wait()
}

// setServer makes c the server's side, or closes it where it is too late.
func (l *link) setServer(c *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.finished {
		c.Close()
		return false
	}
	l.server = c
	l.down.in = newFrames(c)
	return true
}

// finish ends the connection at once.
func (l *link) finish(how How) {
	l.once.Do(func() {
		l.mu.Lock()
		l.finished = true
		l.mu.Unlock()
		close(l.done)
		shut(l.client, how)
		if l.server != nil {
			shut(l.server, how)
		}
		l.up.queue.close()
		l.down.queue.close()
		l.p.rules.forget(l)
		l.p.mu.Lock()
		delete(l.p.links, l)
		l.p.mu.Unlock()
	})
}

// ended is called when the source of f has no more to say, for err.
func (l *link) ended(f *flow, err error) {
	how := FIN
	if errors.Is(err, syscall.ECONNRESET) {
		how = RST
	}
	l.mu.Lock()
	tell := !l.black.Load()
	if f.dir == Up {
		l.clientGone = true
		tell = tell && !l.keepServer
	} else {
		l.serverGone = true
		tell = tell && !l.keepClient
	}
	both := l.clientGone && l.serverGone
	l.mu.Unlock()

	switch {
	case both:
		l.finish(FIN)
	case !tell:
	case f.dir == Up:
		// The server still has to read what was sent, and its answer is read, so
		// that no reset overtakes it.
		f.queue.push(item{after: func() { _ = l.server.CloseWrite() }})
	default:
		// Databases have no half-closed sessions: the client's side ends too.
		f.queue.push(item{after: func() { shut(l.client, how) }})
	}
}

// strike does what the rule wants done to the connection.
func (l *link) strike(r Rule) {
	switch r.Then {
	case CutClient:
		l.mu.Lock()
		l.keepServer = r.KeepServer
		l.mu.Unlock()
		shut(l.client, r.How)
	case CutServer:
		l.mu.Lock()
		l.keepClient = true
		l.mu.Unlock()
		shut(l.server, r.How)
	case CutBoth:
		l.finish(r.How)
	case BlackHole:
		l.black.Store(true)
	}
}
