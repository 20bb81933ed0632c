package dbproc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// children returns the process ids of the server's other processes.
func (p *Process) children() []int {
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

// killOrphans kills those of pids whose processes' names begin with name: the
// others' numbers are somebody else's by now.
func killOrphans(pids []int, name string) {
	for _, pid := range pids {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err == nil && strings.HasPrefix(string(comm), name) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have gone just now
		}
	}
}
