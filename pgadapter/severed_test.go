//go:build unix

package pgadapter

import (
	"net"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
)

// TestSevered: it does not wait, whoever else reads. pgx leaves a reader behind after a
// write that was slow.
//
// Mutation seen to fail it: raw.Read instead of raw.Control (it hangs).
func TestSevered(t *testing.T) {
	client, server := pair(t)
	if severed(client) {
		t.Error("an idle connection")
	}
	if _, err := server.Write([]byte("N")); err != nil {
		t.Fatal(err)
	}
	dbtest.Within(t, 10*time.Second, "the notice is read", func() bool {
		_, err := client.Read(make([]byte, 1))
		return err == nil
	})
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = client.Read(make([]byte, 1))
	}()
	for range 1000 { // sooner or later the goroutine is there
		if severed(client) {
			t.Fatal("a connection that is read")
		}
	}
	if _, err := server.Write([]byte("N")); err != nil {
		t.Fatal(err)
	}
	<-read
	if _, err := server.Write([]byte("E")); err != nil {
		t.Fatal(err)
	}
	dbtest.Within(t, 10*time.Second, "the farewell is seen", func() bool { return severed(client) })

	client, server = pair(t)
	_ = server.Close()
	dbtest.Within(t, 10*time.Second, "the end is seen", func() bool { return severed(client) })
}

func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
	return client, server
}
