//go:build unix

package mariaserver_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
)

// TestGoesWithItsProcess kills a process that has a server.
func TestGoesWithItsProcess(t *testing.T) {
	const inChild = "MARIASERVER_TEST_CHILD"
	if os.Getenv(inChild) != "" {
		s, err := mariaserver.Start(t.Context(), mariaserver.Config{})
		if err != nil {
			t.Fatal(err)
		}
		println(s.Addr())
		select {}
	}
	t.Parallel()
	mariatest.Shared(t) // skips where there is no MariaDB

	tmp, err := os.MkdirTemp("", "mariaserver-test-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o777); err != nil { // for the user that root's servers run as
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestGoesWithItsProcess$")
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

	eventually(t, "the server has gone", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	eventually(t, "its files have gone", func() bool {
		left, err := os.ReadDir(tmp)
		return err == nil && len(left) == 0
	})
}
