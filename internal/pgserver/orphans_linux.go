package pgserver

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// children returns the process ids of the server's other processes.
func (p *process) children() []int {
	pid := p.cmd.Process.Pid
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var pids []int
	for word := range strings.FieldsSeq(string(text)) {
		if n, err := strconv.Atoi(word); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// killOrphans kills those of pids that still belong to PostgreSQL.
func killOrphans(pids []int) {
	for _, pid := range pids {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err == nil && strings.HasPrefix(string(name), "postgres") {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have gone just now
		}
	}
}
