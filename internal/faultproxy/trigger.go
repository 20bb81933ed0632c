package faultproxy

import (
	"fmt"
	"strings"
)

// Trigger says which messages a [Rule] is about.
type Trigger struct {
	dir  Dir
	name string
	// hits says whether the message m, whose first byte is byte off of the
	// connection, is meant, and from which of its bytes on.
	hits func(m *Message, off int64) (at int, ok bool)
}

// When is a message that match likes; name is for logs. It is what protocols make
// their triggers of. match is called under a lock and must not call the proxy.
func When(dir Dir, name string, match func(m *Message) bool) Trigger {
	return Trigger{dir, name, func(m *Message, _ int64) (int, bool) { return 0, match(m) }}
}

// Byte is byte n, from 0, of a connection in one direction, with the rest of the
// message it is in. The bytes before it are always passed on; add [Drop] to end
// the stream there. It occurs once in a connection that gets so far.
func Byte(dir Dir, n int64) Trigger {
	return Trigger{dir, fmt.Sprintf("byte %d %s", n, dir), func(m *Message, off int64) (int, bool) {
		return int(n - off), off <= n && n < off+int64(len(m.raw))
	}}
}

// SQL is a message whose SQL contains text, in any case, between words: "commit" is not
// in "autocommit". A prepared statement is sent once: its later executions hold no SQL.
func SQL(text string) Trigger {
	t := SQLFunc(Mentions(text))
	t.name = fmt.Sprintf("SQL %q", text)
	return t
}

// Mentions returns what reports whether an SQL contains text, as [SQL] does.
func Mentions(text string) func(sql string) bool {
	text = strings.ToLower(text)
	return func(sql string) bool {
		rest := strings.ToLower(sql)
		for before := byte(' '); ; {
			i := strings.Index(rest, text)
			if i < 0 || text == "" {
				return i == 0
			}
			if i > 0 {
				before = rest[i-1]
			}
			after := byte(' ')
			if end := i + len(text); end < len(rest) {
				after = rest[end]
			}
			inside := inWord(before) && inWord(text[0]) || inWord(after) && inWord(text[len(text)-1])
			if !inside {
				return true
			}
			before, rest = rest[i], rest[i+1:]
		}
	}
}

func inWord(b byte) bool { return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' }

// SQLFunc is a message whose SQL match likes. It is called under a lock and must
// not call the proxy.
func SQLFunc(match func(sql string) bool) Trigger {
	return When(Up, "SQL func", func(m *Message) bool { return m.HasSQL && match(m.SQL) })
}

// String describes the trigger, for logs.
func (t Trigger) String() string { return t.name }

func (d Dir) String() string { return [...]string{"up", "down"}[d] }
