//go:build linux && (amd64 || arm64)

package faultproxy

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// precise waits on a timerfd. Go's own timers are only exact to a millisecond on
// an idle Linux: the runtime sleeps in epoll_wait, which counts in those.
type precise struct{ file *os.File }

func (p *precise) wait(d time.Duration) {
	if p.file == nil && !p.open() {
		time.Sleep(d)
		return
	}
	spec := struct{ interval, value syscall.Timespec }{value: syscall.NsecToTimespec(int64(d))}
	raw, err := p.file.SyscallConn()
	if err == nil {
		var errno syscall.Errno
		err = raw.Control(func(fd uintptr) {
			_, _, errno = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
		})
		if err == nil && errno == 0 {
			_, err = p.file.Read(make([]byte, 8))
			if err == nil {
				return
			}
		}
	}
	time.Sleep(d)
}

func (p *precise) open() bool {
	const monotonic = 1
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, monotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return false
	}
	p.file = os.NewFile(fd, "timerfd")
	return true
}

func (p *precise) close() {
	if p.file != nil {
		p.file.Close()
	}
}
