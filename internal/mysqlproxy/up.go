package mysqlproxy

import "github.com/reprise-go/reprise/internal/faultproxy"

// up describes what the client sends.
func (c *conn) up(p []byte) faultproxy.Message {
	switch {
	case c.phase == answers:
		theirs, _ := login(p)
		c.caps &= theirs
		c.phase = proves
		return faultproxy.Message{Type: Data}
	case c.infile:
		c.infile = len(p) > 0 // an empty packet ends the file
		return faultproxy.Message{Type: Data}
	case c.phase != commands || len(p) == 0:
		return faultproxy.Message{Type: Data}
	}
	m := faultproxy.Message{Type: p[0]}
	switch m.Type {
	case ComQuery:
		m.SQL, m.HasSQL = c.query(p[1:]), true
	case ComStmtPrepare:
		m.SQL, m.HasSQL = string(p[1:]), true
	case ComQuit, ComStmtClose, ComStmtSendLongData:
		return m
	}
	m.Asks, m.Waits = true, true
	return m
}

// query returns the SQL of a ComQuery. Where there are query attributes, their
// values come before it in what it returns.
func (c *conn) query(p []byte) string {
	if c.caps&queryAttributes != 0 {
		_, p = lenenc(p) // how many
		_, p = lenenc(p) // how many sets of them: 1
	}
	return string(p)
}
