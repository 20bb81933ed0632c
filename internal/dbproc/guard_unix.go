//go:build unix

package dbproc

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// guardScript learns from its input which process is running, the last line
// counting and 0 meaning none. The input ends with our process, however it dies.
// Then the script sends that process and its group the signal $2, gives it time
// while the file $3 is there, and removes the directory $1. That the process is
// there says little: as a zombie it may stay.
const guardScript = `
trap '' HUP INT QUIT TERM
pid=0 n=0
while read -r line; do pid=$line; done
if [ "$pid" -gt 0 ] && kill -s "$2" -- "-$pid" 2>/dev/null; then
	while [ -f "$3" ] && kill -0 "$pid" 2>/dev/null; do
		n=$((n+1))
		if [ "$n" -gt 100 ]; then kill -KILL "$pid"; break; fi
		sleep 0.05
	done
fi
n=0
until rm -rf -- "${1:?}" 2>/dev/null || [ "$n" -gt 100 ]; do
	n=$((n+1))
	sleep 0.05
done
`

// announceScript tells the guard its process id and becomes the program. Only
// then does it let go of the guard's input: the guard cannot miss it.
const announceScript = `echo $$ >&3; exec "$@" 3>&-`

// guard is a shell that cleans up after us.
type guard struct {
	users []string
	cmd   *exec.Cmd
	input *os.File
}

func newGuard(dir string, kind Kind) (*guard, error) {
	lock := ""
	if kind.LockFile != "" {
		lock = filepath.Join(dir, kind.LockFile)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", guardScript, kind.Name+"-guard", dir, kind.GuardSignal, lock)
	cmd.Dir = "/"
	cmd.Stdin = r
	// Out of reach of the terminal's Ctrl-C.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, err
	}
	return &guard{users: kind.Users, cmd: cmd, input: w}, nil
}

// command returns a command that the guard will end if we do not.
func (g *guard) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", announceScript, "sh", name}, args...)...)
	cmd.ExtraFiles = []*os.File{g.input}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential(g.users)}
	return cmd
}

// forget tells the guard that the process has gone.
func (g *guard) forget() {
	// It fails only where somebody killed the guard.
	_, _ = io.WriteString(g.input, "0\n")
}

// close lets the guard remove the directory, and waits for it.
func (g *guard) close() error {
	if g == nil {
		return nil
	}
	g.input.Close()
	return g.cmd.Wait()
}
