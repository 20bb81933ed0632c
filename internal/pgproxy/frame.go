package pgproxy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// header is the length of a message's type and length.
const header = 5

var errFrame = errors.New("pgproxy: this is not PostgreSQL's protocol")

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

// next returns the next message with its header. It calls idle before it waits
// for the other side. With an error it returns the part of a message that came.
func (r *frames) next(idle func()) ([]byte, error) { return r.read(1, idle) }

// startup returns the next message of the kind without a type.
func (r *frames) startup() ([]byte, error) { return r.read(0, func() {}) }

func (r *frames) read(typeLen int, idle func()) ([]byte, error) {
	head := typeLen + 4
	if r.br.Buffered() < head {
		idle()
	}
	peek, err := r.br.Peek(head)
	if err != nil {
		return r.rest(peek), err
	}
	size := int64(binary.BigEndian.Uint32(peek[typeLen:]))
	if size < 4 || size > 1<<30 {
		return nil, errFrame
	}
	raw := make([]byte, int64(typeLen)+size)
	if r.br.Buffered() < len(raw) {
		idle()
	}
	n, err := io.ReadFull(r.br, raw)
	return raw[:n], err
}

func (r *frames) rest(peek []byte) []byte {
	part := append([]byte(nil), peek...)
	_, _ = r.br.Discard(len(part)) // it is all there
	return part
}
