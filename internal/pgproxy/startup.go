package pgproxy

import (
	"encoding/binary"
	"io"
)

// The codes of packets that may come in place of a startup packet.
const (
	cancelCode = 80877102
	sslCode    = 80877103
	gssCode    = 80877104
)

// startup reads up to the startup packet, which it returns, and connects to the
// server. It returns false where the connection is not to be carried.
func (l *link) startup() ([]byte, bool) {
	if l.black.Load() {
		_, _ = io.Copy(io.Discard, l.client)
		<-l.done // the client's leaving passes unnoticed, as everything
		return nil, false
	}
	for {
		raw, err := l.up.in.startup()
		if err != nil || len(raw) < 8 {
			return nil, false
		}
		switch binary.BigEndian.Uint32(raw[4:]) {
		case sslCode, gssCode:
			if _, err := l.client.Write([]byte("N")); err != nil {
				return nil, false
			}
			continue
		case cancelCode:
			l.cancel(raw)
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
		return raw, true
	}
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
