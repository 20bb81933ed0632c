//go:build unix

package pgserver

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	cmd *exec.Cmd

	// alive reports end of file when the last process of the server has gone:
	// all of them inherit the other end.
	alive *os.File
	gone  bool
}

// startProcess starts cmd, which comes from guard.command.
func startProcess(cmd *exec.Cmd) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, w)
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	return &process{cmd: cmd, alive: r}, nil
}

// goneWithin waits up to d for the last process to go.
func (p *process) goneWithin(d time.Duration) bool {
	if p.gone {
		return true
	}
	if p.alive.SetReadDeadline(time.Now().Add(d)) != nil {
		return false
	}
	_, err := p.alive.Read(make([]byte, 1))
	p.gone = err == io.EOF
	return p.gone
}

// stop tells the main process to stop. One that has ended by itself is fine.
func (p *process) stop(mode Mode) error {
	sig := syscall.SIGTERM
	switch mode {
	case Fast:
		sig = syscall.SIGINT
	case Immediate:
		sig = syscall.SIGQUIT
	}
	// A zombie until reap, so that the number is not anybody else's.
	return p.cmd.Process.Signal(sig)
}

func (p *process) kill() error { return p.cmd.Process.Kill() }

// reap takes note of the end of the main process.
func (p *process) reap() {
	_ = p.cmd.Wait() // a server we killed did not exit with 0
	p.alive.Close()
}
