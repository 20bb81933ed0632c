package pgserver

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// process is a running server. On Windows only its main process is watched.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) goneWithin(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// stop sends PostgreSQL's imitation of a signal.
func (p *process) stop(mode Mode) error {
	if p.goneWithin(0) {
		return nil
	}
	sig := "TERM"
	switch mode {
	case Fast:
		sig = "INT"
	case Immediate:
		sig = "QUIT"
	}
	pgctl := filepath.Join(filepath.Dir(p.cmd.Path), "pg_ctl")
	return exec.Command(pgctl, "kill", sig, strconv.Itoa(p.cmd.Process.Pid)).Run()
}

func (p *process) kill() error { return p.cmd.Process.Kill() }

func (p *process) reap() { <-p.ended }
