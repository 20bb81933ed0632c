package pgproxy

import (
	"bytes"
	"fmt"
	"strings"
)

// Trigger says which messages a [Rule] is about.
type Trigger struct {
	dir  Dir
	name string
	// hits says whether the message raw, whose first byte is byte off of the
	// connection, is meant, and from which of its bytes on.
	hits func(raw []byte, off int64) (at int, ok bool)
}

// Byte is byte n, from 0, of a connection in one direction, with the rest of the
// message it is in. The bytes before it are always passed on; add [Drop] to end
// the stream there. It occurs once in a connection that gets so far.
func Byte(dir Dir, n int64) Trigger {
	return Trigger{dir, fmt.Sprintf("byte %d %s", n, dir), func(raw []byte, off int64) (int, bool) {
		return int(n - off), off <= n && n < off+int64(len(raw))
	}}
}

// Message is a message of a type: 'Q', 'P', 'B', 'E', 'S' and so on up, 'C', 'Z',
// 'D', 'E' and so on down. Type 0 up is the startup packet, with FromStart.
func Message(dir Dir, typ byte) Trigger {
	return whole(dir, fmt.Sprintf("%q %s", typ, dir), func(raw []byte) bool { return raw[0] == typ })
}

// SQL is a Query or Parse message whose SQL contains text, in any case. A
// prepared statement is parsed once: its later executions hold no SQL.
func SQL(text string) Trigger {
	text = strings.ToLower(text)
	t := SQLFunc(func(sql string) bool { return strings.Contains(strings.ToLower(sql), text) })
	t.name = fmt.Sprintf("SQL %q", text)
	return t
}

// SQLFunc is a Query or Parse message whose SQL match likes. It is called under
// a lock and must not call the proxy.
func SQLFunc(match func(sql string) bool) Trigger {
	return whole(Up, "SQL func", func(raw []byte) bool {
		sql, ok := sqlOf(raw)
		return ok && match(sql)
	})
}

// Tag is a CommandComplete message whose tag is tag, or begins with it and a
// space: COMMIT, ROLLBACK, INSERT. The server has done what it reports.
func Tag(tag string) Trigger {
	return whole(Down, fmt.Sprintf("tag %q", tag), func(raw []byte) bool {
		if raw[0] != 'C' {
			return false
		}
		got := text(raw[header:])
		return got == tag || strings.HasPrefix(got, tag+" ")
	})
}

func whole(dir Dir, name string, match func(raw []byte) bool) Trigger {
	return Trigger{dir, name, func(raw []byte, _ int64) (int, bool) { return 0, match(raw) }}
}

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

// String describes the trigger, for logs.
func (t Trigger) String() string { return t.name }

func (d Dir) String() string { return [...]string{"up", "down"}[d] }
