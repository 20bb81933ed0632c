//go:build unix

package dbproc

import (
	"io"
	"os"
	"os/exec"
	"time"
)

// Process is a running server.
type Process struct {
	cmd *exec.Cmd

	// alive reports end of file when the last process of the server has gone:
	// all of them inherit the other end.
	alive *os.File
	gone  bool
}

// startProcess starts cmd, which comes from guard.command.
func startProcess(cmd *exec.Cmd) (*Process, error) {
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
	return &Process{cmd: cmd, alive: r}, nil
}

// GoneWithin waits up to d for the last process to go.
func (p *Process) GoneWithin(d time.Duration) bool {
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

// Signal sends the main process a signal. One that has ended by itself is fine.
func (p *Process) Signal(sig os.Signal) error {
	// A zombie until reap, so that the number is not anybody else's.
	return p.cmd.Process.Signal(sig)
}

// Kill kills the main process.
func (p *Process) Kill() error { return p.cmd.Process.Kill() }

// reap takes note of the end of the main process.
func (p *Process) reap() {
	_ = p.cmd.Wait() // a server we killed did not exit with 0
	p.alive.Close()
}
