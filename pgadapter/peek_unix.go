//go:build unix

package pgadapter

import (
	"errors"
	"net"
	"syscall"
)

// severed reports whether the server is known to have ended a connection on which
// nothing is under way: the socket holds the end of the stream, or a message that
// the server sent unasked and that can only be its farewell. It reads nothing and
// takes no round trip. false means: not known.
func severed(conn net.Conn) (dead bool) {
	encrypted := false
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn, encrypted = tls.NetConn(), true
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	// Control, and not Read, which waits for whoever reads: pgx has a goroutine for that,
	// which it starts when a write is slow, and which may stay until something comes.
	err = raw.Control(func(fd uintptr) {
		var first [1]byte
		n, _, err := syscall.Recvfrom(int(fd), first[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == nil && n == 0:
			dead = true // end of the stream
		case err == nil:
			dead = !encrypted && first[0] == 'E' // ErrorResponse
		default:
			dead = !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
		}
	})
	return dead || err != nil
}
