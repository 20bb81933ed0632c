package mysqlproxy

import (
	"io"
	"sync"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// conn follows a connection.
type conn struct {
	mu      sync.Mutex
	phase   phase
	caps    caps // in force; the server's until the client has answered
	infile  bool // the client sends a file now
	pending []command
	reply   reply // to the first pending one
}

type phase uint8

const (
	greets   phase = iota // the server
	answers               // the client
	proves                // the client who it is, in as many steps as it takes
	commands              // are executed
)

// command is one that the server is going to answer.
type command struct {
	typ byte
	sql string // of ComQuery
}

// Start has nothing to do: the server speaks first.
func (c *conn) Start(func() ([]byte, error), io.Writer) ([]byte, bool, error) { return nil, false, nil }

func (c *conn) Need(dir faultproxy.Dir, have []byte) (int, error) {
	n := length(have)
	if n > maxMessage {
		return 0, errFrame
	}
	if n > len(have) {
		return n, nil
	}
	if !c.understands(dir, have) {
		return 0, errFrame
	}
	return n, nil
}

// understands looks at what decides about all that follows.
func (c *conn) understands(dir faultproxy.Dir, raw []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case dir == faultproxy.Down && c.phase == greets:
		p := payload(raw)
		_, _, ok := greeting(p)
		return ok || isErr(p)
	case dir == faultproxy.Up && c.phase == answers:
		_, ok := login(payload(raw))
		return ok
	}
	return dir == faultproxy.Down || c.phase != greets // where the server speaks
}

func (c *conn) Read(dir faultproxy.Dir, raw []byte) faultproxy.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	if dir == faultproxy.Up {
		return c.up(payload(raw))
	}
	return c.down(payload(raw))
}

func (c *conn) Sent(m faultproxy.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !m.Asks {
		return
	}
	cmd := command{typ: m.Type}
	if m.Type == ComQuery {
		cmd.sql = m.SQL
	}
	c.pending = append(c.pending, cmd)
	if m.Type == ComChangeUser {
		c.phase = proves
	}
}
