package mysqlproxy

import (
	"encoding/binary"
	"errors"
)

// maxMessage is no limit of the protocol: what is longer is noise.
const maxMessage = 1 << 30

const (
	header     = 4        // of a packet: its length and sequence number
	maxPayload = 0xffffff // of a packet; the payload goes on in the next one
)

var errFrame = errors.New("mysqlproxy: this is not MySQL's protocol, or what the proxy does not understand of it")

// length returns how long the message is that begins with have, as far as can be
// told.
func length(have []byte) int {
	n := 0
	for {
		n += header
		if len(have) < n {
			return n
		}
		size := uint24(have[n-header:])
		n += size
		if size < maxPayload {
			return n
		}
	}
}

// payload returns what the packets of the message raw hold.
func payload(raw []byte) []byte {
	if len(raw) < header+maxPayload {
		return raw[header:]
	}
	var all []byte
	for len(raw) > 0 {
		end := header + uint24(raw)
		all = append(all, raw[header:end]...)
		raw = raw[end:]
	}
	return all
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// uint16At returns the number at n, or 0 where p is too short.
func uint16At(p []byte, n int) int {
	if len(p) < n+2 {
		return 0
	}
	return int(binary.LittleEndian.Uint16(p[n:]))
}

// lenenc reads a number of variable length and returns what comes after it.
func lenenc(p []byte) (uint64, []byte) {
	if len(p) == 0 {
		return 0, nil
	}
	size, ok := map[byte]int{0xfc: 2, 0xfd: 3, 0xfe: 8}[p[0]]
	if !ok {
		return uint64(p[0]), p[1:]
	}
	var b [8]byte
	copied := copy(b[:size], p[1:])
	return binary.LittleEndian.Uint64(b[:]), p[1+copied:]
}
