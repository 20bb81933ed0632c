package dbproc

import (
	"os"
	"os/exec"
	"time"
)

// Process is a running server. On Windows only its main process is watched.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func startProcess(cmd *exec.Cmd) (*Process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// GoneWithin waits up to d for the process to go.
func (p *Process) GoneWithin(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// Pid returns the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends the main process a signal. Windows has none but [os.Kill].
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Kill kills the main process.
func (p *Process) Kill() error { return p.cmd.Process.Kill() }

func (p *Process) reap() { <-p.ended }
