package mysqlproxy

import (
	"encoding/binary"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// down describes what the server sends.
func (c *conn) down(p []byte) faultproxy.Message {
	switch c.phase {
	case greets, answers:
		return faultproxy.Message{Type: c.greet(p)}
	case proves:
		return c.prove(p)
	}
	if len(c.pending) == 0 {
		// It takes its leave: it shuts down, or the client was idle for too long.
		return faultproxy.Message{Type: first(p)}
	}
	var m faultproxy.Message
	m.Type, m.Ends = c.reply.next(c.pending[0].typ, p, c.caps)
	c.infile = c.infile || m.Type == Infile
	if m.Ends {
		m.Tag = c.answered().sql
	}
	return m
}

// greet takes TLS out of the server's greeting, so that the client goes on in the
// clear.
func (c *conn) greet(p []byte) byte {
	theirs, at, ok := greeting(p)
	if !ok {
		return first(p)
	}
	low := binary.LittleEndian.Uint16(at)
	binary.LittleEndian.PutUint16(at, low&^uint16(tls))
	c.caps, c.phase = theirs&^tls, answers
	return Handshake
}

// prove is about the steps between the client's login, or its wish to be another
// user, and the server's verdict.
func (c *conn) prove(p []byte) faultproxy.Message {
	m := faultproxy.Message{Type: first(p)}
	switch m.Type {
	case OK, ERR:
		c.phase = commands
		m.Ends = m.Type == OK
		if len(c.pending) > 0 { // ComChangeUser
			m.Ends = true
			c.answered()
		}
	default:
		m.Type = Auth
	}
	return m
}

// answered takes the first pending command, whose reply is complete.
func (c *conn) answered() command {
	cmd := c.pending[0]
	c.pending, c.reply = c.pending[1:], reply{}
	return cmd
}
