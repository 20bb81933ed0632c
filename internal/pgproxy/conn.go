package pgproxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// header is the length of a message's type and length.
const header = 5

// The codes of packets that may come in place of a startup packet.
const (
	cancelCode = 80877102
	sslCode    = 80877103
	gssCode    = 80877104
)

var errFrame = errors.New("pgproxy: this is not PostgreSQL's protocol")

// conn follows a connection.
type conn struct {
	typed bool // messages up have a type: the startup packet has passed
}

func (c *conn) Start(next func() ([]byte, error), out io.Writer) (first []byte, cancel bool, err error) {
	for {
		raw, err := next()
		if err != nil {
			return nil, false, err
		}
		if len(raw) < 8 {
			return nil, false, errFrame
		}
		switch binary.BigEndian.Uint32(raw[4:]) {
		case sslCode, gssCode:
			if _, err := out.Write([]byte("N")); err != nil {
				return nil, false, err
			}
		case cancelCode:
			return raw, true, nil
		default:
			return raw, false, nil
		}
	}
}

func (c *conn) Need(dir Dir, have []byte) (int, error) {
	length := 1 // where it is
	if dir == Up && !c.typed {
		length = 0
	}
	if len(have) < length+4 {
		return length + 4, nil
	}
	size := int64(binary.BigEndian.Uint32(have[length:]))
	if size < 4 || size > 1<<30 {
		return 0, errFrame
	}
	return length + int(size), nil
}

func (c *conn) Read(dir Dir, raw []byte) faultproxy.Message {
	m := faultproxy.Message{Type: raw[0]}
	switch {
	case dir == Up && !c.typed:
		c.typed, m.Type = true, 0
	case dir == Up:
		m.SQL, m.HasSQL = sqlOf(raw)
		m.Asks = m.Type == 'Q' || m.Type == 'S' || m.Type == 'F'
		m.Waits = m.Asks || m.Type == 'H'
	case m.Type == 'Z':
		m.Ends = true
	case m.Type == 'C':
		m.Tag = text(raw[header:])
	}
	return m
}

func (c *conn) Sent(faultproxy.Message) {}

// sqlOf returns the SQL of a Query or Parse message.
func sqlOf(raw []byte) (string, bool) {
	switch raw[0] {
	case 'Q':
		return text(raw[header:]), true
	case 'P':
		_, sql, ok := bytes.Cut(raw[header:], []byte{0})
		return text(sql), ok
	}
	return "", false
}

// text returns what comes before the zero byte.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}
