package faultproxy

import "io"

// start does what comes before the session, connects to the server and returns
// the message that begins the session, if the client does. It returns false where
// the connection is not to be carried.
func (l *link) start() ([]byte, bool) {
	if l.black.Load() {
		_, _ = io.Copy(io.Discard, l.client)
		<-l.done // the client's leaving passes unnoticed, as everything
		return nil, false
	}
	next := func() ([]byte, error) { return l.up.in.next(l.up.need, func() {}) }
	first, cancel, err := l.conn.Start(next, l.client)
	if err != nil {
		return nil, false
	}
	if cancel {
		l.cancel(first)
		return nil, false
	}
	server, err := l.p.dial()
	if err != nil {
		l.finish(RST)
		return nil, false
	}
	if !l.setServer(server) {
		return nil, false
	}
	l.session.Store(true)
	return first, true
}

// cancel passes a cancel request on and waits until the server has taken it.
func (l *link) cancel(raw []byte) {
	l.p.cancels.Add(1)
	if l.p.dropCancels.Load() {
		return
	}
	server, err := l.p.dial()
	if err != nil || !l.setServer(server) {
		return
	}
	if _, err := server.Write(raw); err == nil {
		_, _ = io.Copy(io.Discard, server)
	}
}
