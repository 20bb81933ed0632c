package dbtest

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// GoesWithItsProcess kills a process that has a server. The process is the test
// itself, run once more. It needs Unix.
func (e Engine[S]) GoesWithItsProcess(t *testing.T) {
	const inChild = "DBTEST_CHILD"
	if os.Getenv(inChild) != "" {
		s, err := e.Start(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		println(s.Addr())
		select {}
	}
	t.Parallel()
	e.Shared(t) // skips where there are no servers

	tmp, err := os.MkdirTemp("", "dbtest-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o777); err != nil { // for the user that root's servers run as
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), inChild+"=1", "TMPDIR="+tmp)
	out, err := child.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	addr := strings.TrimSpace(line)
	if err == nil {
		_, _, err = net.SplitHostPort(addr)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}

	Eventually(t, "the server has gone", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	Eventually(t, "its files have gone", func() bool {
		left, err := os.ReadDir(tmp)
		return err == nil && len(left) == 0
	})
}
