package mysqlproxy

import (
	"errors"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

const (
	plain  = protocol41 | longPassword
	ok     = "> \x00\x00\x00\x02\x00\x00\x00"
	more   = "> \x00\x00\x00\x0a\x00\x00\x00"
	eof    = "> \xfe\x00\x00\x02\x00"
	eofOK  = "> \xfe\x00\x00\x02\x00\x00\x00"
	fail   = "> \xff\x7a\x04#42S02no such table"
	column = "> \x03def\x04test"
)

func TestReplies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		caps  caps
		steps []string
	}{
		"OK":               {plain, []string{"< \x03COMMIT", "3? COMMIT", ok, "OK. COMMIT", "< \x0e", "e?", ok, "OK."}},
		"ERR":              {plain, []string{"< \x03x", "3? x", fail, "ERR. x", fail, "ERR"}},
		"no reply":         {plain, []string{"< \x19\x01\x00\x00\x00", "p", "< \x18\x01\x00\x00\x00\x00\x00x", "o", "< \x1a\x01\x00\x00\x00", "q?", ok, "OK.", "< \x01", "1"}},
		"empty":            {plain, []string{"< ", "0", "< \x03", "3? ", "> ", "columns", "< \x03x", "3? x"}},
		"text":             {plain, []string{"< \x03s", "3? s", "> \x02", "columns", column, "column", column, "column", eof, "EOF", "> \x011\xfb", "row", "> \xfb\x00", "row", eof, "EOF. s"}},
		"text, OK":         {plain | deprecateEOF, []string{"< \x03s", "3? s", "> \x01", "columns", column, "column", "> \x011", "row", eofOK, "EOF. s"}},
		"error in rows":    {plain, []string{"< \x03s", "3? s", "> \x01", "columns", column, "column", eof, "EOF", fail, "ERR. s"}},
		"error in columns": {plain, []string{"< \x03s", "3? s", "> \x01", "columns", column, "column", fail, "ERR. s"}},
		// A row that begins like an EOF, or like an OK.
		"long field":  {plain, []string{"< \x03s", "3? s", "> \x01", "columns", column, "column", eof, "EOF", "> \xfe\x00\x00\x00\x01\x00\x00\x00\x00...", "row", eof, "EOF. s"}},
		"binary":      {plain, []string{"< \x17\x01\x00\x00\x00", "n?", "> \x01", "columns", column, "column", eof, "EOF", "> \x00\x00\x02", "row", "> \x00\x04", "row", eof, "EOF."}},
		"binary, OK":  {plain | deprecateEOF, []string{"< \x17\x01\x00\x00\x00", "n?", "> \x01", "columns", column, "column", "> \x00\x00\x02", "row", eofOK, "EOF."}},
		"execute, OK": {plain, []string{"< \x17\x01\x00\x00\x00", "n?", ok, "OK."}},
		"prepare": {plain, []string{"< \x16a?b", "m? a?b", "> \x00\x01\x00\x00\x00\x01\x00\x02\x00\x00\x00\x00", "prepared",
			column, "column", column, "column", eof, "EOF", column, "column", eof, "EOF."}},
		"prepare, OK": {plain | deprecateEOF, []string{"< \x16a", "m? a", "> \x00\x01\x00\x00\x00\x01\x00\x02\x00\x00\x00\x00", "prepared",
			column, "column", column, "column", column, "column."}},
		"prepare nothing": {plain, []string{"< \x16a", "m? a", "> \x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "prepared.", "< \x16a", "m? a", fail, "ERR."}},
		"more results": {plain, []string{"< \x03a;b;c", "3? a;b;c", more, "OK", "> \x01", "columns", column, "column", eof, "EOF", "> \x011", "row",
			"> \xfe\x00\x00\x0a\x00", "EOF", ok, "OK. a;b;c"}},
		"more results, OK": {plain | deprecateEOF, []string{"< \x03a;b", "3? a;b", "> \x01", "columns", column, "column",
			"> \xfe\xfc\x00\x01\x00\x0a\x00\x00\x00", "EOF", "> \x01", "columns", column, "column", eofOK, "EOF. a;b"}},
		"cursor": {plain, []string{"< \x17\x01\x00\x00\x00\x01", "n?", "> \x01", "columns", column, "column", "> \xfe\x00\x00\x42\x00", "EOF.",
			"< \x1c\x01\x00\x00\x00\x01\x00\x00\x00", "s?", "> \x00\x00\x02", "row", eof, "EOF."}},
		"infile":                     {plain, []string{"< \x03load", "3? load", "> \xfbname", "infile", "< \x03not a command", "0", "< ", "0", ok, "OK. load", "< \x0e", "e?"}},
		"statistics, fields, option": {plain, []string{"< \x09", "9?", "> \x00Uptime", "text.", "< \x04t", "4?", column, "column", eof, "EOF.", "< \x1b\x00\x00", "r?", eof, "EOF."}},
		"change user":                {plain, []string{"< \x11root", "h?", "> \xfeplugin", "auth", "< \x03hash", "0", ok, "OK.", "< \x03x", "3? x", ok, "OK. x"}},
		"pipelined":                  {plain, []string{"< \x03a", "3? a", "< \x03b", "3? b", ok, "OK. a", ok, "OK. b"}},
		"attributes":                 {plain | queryAttributes, []string{"< \x03\x00\x01commit", "3? commit"}},
		"MariaDB, known columns": {protocol41 | deprecateEOF | cacheMetadata, []string{"< \x17\x01\x00\x00\x00", "n?", "> \x01\x01", "columns", column, "column", "> \x00\x00\x02", "row", eofOK, "EOF.",
			"< \x17\x01\x00\x00\x00", "n?", "> \x01\x00", "columns", "> \x00\x00\x02", "row", eofOK, "EOF."}},
		"MariaDB, known columns, EOF": {protocol41 | cacheMetadata, []string{"< \x17\x01\x00\x00\x00", "n?", "> \x01\x00", "columns", eof, "EOF", "> \x00\x00\x02", "row", eof, "EOF."}},
		"MariaDB, progress":           {protocol41, []string{"< \x03alter", "3? alter", "> \xff\xff\xff\x01\x01\x02...", "progress", ok, "OK. alter"}},
		"split":                       {plain, []string{"< \x03" + strings.Repeat("x", maxPayload), "3? " + strings.Repeat("x", maxPayload), ok, "OK. " + strings.Repeat("x", maxPayload)}},
		"split to the byte":           {plain, []string{"< \x17" + strings.Repeat("x", maxPayload-1), "n?", ok, "OK."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, connected(t, c.caps), c.steps...)
		})
	}
}

func TestStartUp(t *testing.T) {
	t.Parallel()
	greeting, login := "> "+string(greetingOf(plain)), "< "+string(loginOf(plain))
	play(t, new(conn), "> \xff\x10\x04too many connections", "ERR")
	play(t, new(conn), greeting, "handshake", login, "0", fail, "ERR")
	play(t, new(conn), greeting, "handshake", login, "0", "> \xfeplugin", "auth", "< \x03hash", "0", "> \x01\x04", "auth", "< ", "0", ok, "OK.", "< \x0e", "e?")
}

// TestHidesTLS and nothing else.
func TestHidesTLS(t *testing.T) {
	t.Parallel()
	for _, c := range []caps{plain, protocol41 | deprecateEOF | cacheMetadata} {
		raw := packet(string(greetingOf(c | tls | compress)))
		new(conn).Read(faultproxy.Down, raw)
		if string(raw) != string(packet(string(greetingOf(c|compress)))) {
			t.Errorf("%#x: %q", c, raw)
		}
	}
}

// TestCapabilitiesInForce are those of both sides.
func TestCapabilitiesInForce(t *testing.T) {
	t.Parallel()
	for _, sides := range [][2]caps{{plain | deprecateEOF, plain}, {plain, plain | deprecateEOF}} {
		c := new(conn)
		play(t, c, "> "+string(greetingOf(sides[0])), "handshake", "< "+string(loginOf(sides[1])), "0")
		if c.caps != plain {
			t.Errorf("%#x", c.caps)
		}
	}
}

func TestNotUnderstood(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"old server":    "> \x09x",
		"short":         "> \x0ax\x00",
		"client first":  "< \x03x",
		"old client":    "< \x00\x00",
		"compression":   "< " + string(loginOf(plain|compress)),
		"TLS":           "< " + string(loginOf(plain|tls)),
		"no capability": "< " + string(loginOf(longPassword)),
	} {
		c := new(conn)
		dir := faultproxy.Down
		if says[0] == '<' {
			dir = faultproxy.Up
			if name != "client first" {
				play(t, c, "> "+string(greetingOf(plain|tls|compress)), "handshake")
			}
		}
		if _, err := c.Need(dir, packet(says[2:])); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzConn feeds noise: nothing panics.
func FuzzConn(f *testing.F) {
	f.Add("\x03x", ok[2:], uint64(plain))
	f.Add("\x16x", "\x00\x01\x00\x00\x00\x01\x00\x02\x00\x00\x00\x00", uint64(plain|deprecateEOF))
	f.Add("\x17", "\x01", uint64(protocol41|cacheMetadata))
	f.Fuzz(func(t *testing.T, up, down string, c uint64) {
		conn := connected(t, plain)
		conn.caps = caps(c)
		conn.Sent(conn.Read(faultproxy.Up, packet(up)))
		for range 4 {
			conn.Read(faultproxy.Down, packet(down))
			conn.Read(faultproxy.Down, packet(""))
		}
	})
}
