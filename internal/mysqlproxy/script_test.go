package mysqlproxy

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/faultproxy"
)

// packet returns the packets of a payload.
func packet(p string) []byte {
	var all []byte
	for {
		n := min(len(p), maxPayload)
		all = append(all, byte(n), byte(n>>8), byte(n>>16), 0)
		all = append(all, p[:n]...)
		if p = p[n:]; n < maxPayload {
			return all
		}
	}
}

// connected returns a conn whose client and server know these capabilities and
// have got past the start-up phase.
func connected(t *testing.T, c caps) *conn {
	t.Helper()
	conn := new(conn)
	play(t, conn, "> "+string(greetingOf(c|tls)), "handshake", "< "+string(loginOf(c)), "0", "> \x00\x00\x00\x02\x00\x00\x00", "OK.")
	return conn
}

func greetingOf(c caps) []byte {
	p := append([]byte("\x0a11.4-MariaDB\x00"), make([]byte, 4+9)...)
	p = binary.LittleEndian.AppendUint16(p, uint16(c))
	p = append(p, 45, 2, 0)
	p = binary.LittleEndian.AppendUint16(p, uint16(c>>16))
	p = append(p, 21, 0, 0, 0, 0, 0, 0)
	p = binary.LittleEndian.AppendUint32(p, uint32(c>>32))
	return append(p, "twelve bytes\x00mysql_native_password\x00"...)
}

func loginOf(c caps) []byte {
	p := binary.LittleEndian.AppendUint32(nil, uint32(c))
	p = append(p, make([]byte, 4+1+19)...)
	p = binary.LittleEndian.AppendUint32(p, uint32(c>>32))
	return append(p, "root\x00\x00"...)
}

// play plays pairs of a payload, marked "< " for up or "> " for down, and what
// the conn is to say about it: up the command's number and "?" if it asks, down
// the kind and "." if it ends, then its tag.
func play(t *testing.T, c *conn, steps ...string) {
	t.Helper()
	for i := 0; i < len(steps); i += 2 {
		dir := faultproxy.Up
		if strings.HasPrefix(steps[i], "> ") {
			dir = faultproxy.Down
		}
		raw := packet(steps[i][2:])
		if n := frame(t, c, dir, raw); n != len(raw) {
			t.Fatalf("step %d: %d bytes of %d", i/2, n, len(raw))
		}
		m := c.Read(dir, raw)
		var got string
		if dir == faultproxy.Up {
			c.Sent(m)
			got = strings.ToLower(string("0123456789ABCDEFGHIJKLMNOPQRSTUV"[m.Type]))
			if m.Asks {
				got += "?"
			}
			if m.HasSQL {
				got += " " + m.SQL
			}
		} else {
			got = kinds[m.Type]
			if m.Ends {
				got += "."
			}
			if m.Tag != "" {
				got += " " + m.Tag
			}
		}
		if want := steps[i+1]; got != want {
			t.Fatalf("step %d, %q: got %q, want %q", i/2, steps[i], got, want)
		}
	}
}

// frame asks for the length of raw as the machinery does.
func frame(t *testing.T, c *conn, dir faultproxy.Dir, raw []byte) int {
	t.Helper()
	have := 0
	for {
		n, err := c.Need(dir, bytes.Clone(raw[:have]))
		if err != nil {
			t.Fatal(err)
		}
		if n <= have || n > len(raw) {
			return n
		}
		have = n
	}
}
