package pgadapter

import (
	"context"
	"net"
	"sync"
	"time"
)

// brake stops from another goroutine what is under way: waiting for a connection, or a
// statement on it. Once pulled, it stops whatever comes later, too. A connection that has
// left it is out of its reach: the next to use that must not be stopped.
type brake struct {
	mu     sync.Mutex
	pulled bool
	wait   *wait    // for a connection; nil before
	socket net.Conn // nil without a connection
}

// past is a deadline that makes every read and write fail at once.
var past = time.Unix(1, 0)

// guard returns ctx for the wait for a connection, within the brake's reach.
func (b *brake) guard(ctx context.Context) *wait {
	w := &wait{Context: ctx}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wait = w
	if b.pulled {
		w.end()
	}
	return w
}

// hold puts a connection within its reach.
func (b *brake) hold(socket net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.socket = socket
	if b.pulled {
		_ = socket.SetDeadline(past)
	}
}

// pull stops what is under way.
func (b *brake) pull() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pulled = true
	if b.wait != nil {
		b.wait.end()
	}
	if b.socket != nil {
		_ = b.socket.SetDeadline(past)
	}
}

// ease lets the connection go on, for the one who has pulled: it may have been too late
// for its statement. drop, if set, takes it out of reach.
func (b *brake) ease(drop bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pulled && b.socket != nil {
		_ = b.socket.SetDeadline(time.Time{}) // fails where it is closed
	}
	if drop {
		b.socket = nil
	}
}
