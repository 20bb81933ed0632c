package faultproxy

import (
	"bufio"
	"io"
	"net"
	"slices"
	"time"
)

// frames cuts a stream into messages.
type frames struct {
	br *bufio.Reader
	at time.Time // when the last bytes were read

	conn net.Conn
}

func newFrames(c net.Conn) *frames {
	r := &frames{conn: c}
	r.br = bufio.NewReaderSize(r, 32<<10)
	return r
}

// Read notes the time, which latency counts from.
func (r *frames) Read(p []byte) (int, error) {
	n, err := r.conn.Read(p)
	r.at = time.Now()
	return n, err
}

// next returns the next message, whose length need tells bit by bit; see
// [Conn.Need]. It calls idle before it waits for the other side. With an error it
// returns the part of a message that came.
func (r *frames) next(need func(have []byte) (int, error), idle func()) ([]byte, error) {
	var raw []byte
	for {
		have := len(raw)
		n, err := need(raw)
		if err != nil {
			return nil, err
		}
		if n <= have {
			return raw, nil
		}
		if r.br.Buffered() < n-have {
			idle()
		}
		raw = slices.Grow(raw, n-have)[:n]
		got, err := io.ReadFull(r.br, raw[have:])
		if err != nil {
			return raw[:have+got], err
		}
	}
}
