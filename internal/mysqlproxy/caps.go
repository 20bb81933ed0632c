package mysqlproxy

import (
	"bytes"
	"encoding/binary"
)

// caps are capabilities. MariaDB's own are from bit 32 on.
type caps uint64

const (
	longPassword     caps = 1 << 0 // MariaDB: there are no capabilities of its own
	compress         caps = 1 << 5
	protocol41       caps = 1 << 9
	tls              caps = 1 << 11
	deprecateEOF     caps = 1 << 24
	optionalMetadata caps = 1 << 25
	zstd             caps = 1 << 26
	queryAttributes  caps = 1 << 27
	cacheMetadata    caps = 1 << 36
)

// unknown are those with which the proxy understands nothing any more.
const unknown = compress | tls | optionalMetadata | zstd

// greeting returns the capabilities in the server's greeting p, and p from them
// on. It returns false where p is no greeting.
func greeting(p []byte) (caps, []byte, bool) {
	const version, connectionID, scramble = 1, 4, 8 + 1
	if len(p) == 0 || p[0] != 10 {
		return 0, nil, false
	}
	_, p, _ = bytes.Cut(p[version:], []byte{0})
	if len(p) < connectionID+scramble+18 {
		return 0, nil, false
	}
	p = p[connectionID+scramble:]
	// 2 bytes of them, a character set, the status, 2 more bytes, the length of
	// the scramble, 6 free bytes, MariaDB's.
	c := caps(binary.LittleEndian.Uint16(p)) | caps(binary.LittleEndian.Uint16(p[5:]))<<16
	if c&longPassword == 0 {
		c |= caps(binary.LittleEndian.Uint32(p[14:])) << 32
	}
	return c, p, true
}

// login returns the capabilities in the client's answer p to the greeting, or
// false where it is none that the proxy understands.
func login(p []byte) (caps, bool) {
	// 4 bytes of them, the longest packet, a character set, 19 free bytes,
	// MariaDB's.
	if len(p) < 32 {
		return 0, false
	}
	c := caps(binary.LittleEndian.Uint32(p))
	if c&longPassword == 0 {
		c |= caps(binary.LittleEndian.Uint32(p[28:])) << 32
	}
	return c, c&protocol41 != 0 && c&unknown == 0
}
