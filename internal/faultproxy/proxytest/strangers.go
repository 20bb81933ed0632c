package proxytest

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/faultproxy"
)

// Strangers checks that nothing hangs or leaks with clients that do not speak
// the protocol, or leave in the middle of what they say. It closes p, which must
// be new.
func Strangers(t *testing.T, p *faultproxy.Proxy, say ...string) {
	for _, says := range say {
		c, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, says); err != nil {
			t.Error(err)
		}
		c.Close()
	}
	quiet, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	dbtest.Eventually(t, "all accepted", func() bool { return p.Dials() == int64(len(say)+1) })
	p.Close()
	if err := quiet.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// A server may have spoken first.
	if _, err := io.Copy(io.Discard, quiet); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection survived Close")
	}
	p.Close()
}
