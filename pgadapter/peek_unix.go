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
	err = raw.Read(func(fd uintptr) bool {
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
		return true // do not wait
	})
	return dead || err != nil
}
