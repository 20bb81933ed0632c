package reprise_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
)

// inApp holds, in a process that startApp has started, the URL of its database.
const inApp = "REPRISE_TEST_APP"

// startApp runs the test in another process, where serveApp makes it an app, and returns
// its address, what it prints, and how to kill it.
func startApp(t *testing.T, url string) (base string, out *bufio.Reader, kill func()) {
	t.Helper()
	child := osexec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), inApp+"="+url, "TMPDIR="+t.TempDir())
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = child.Process.Kill()
			_ = child.Wait()
		}
	}
	t.Cleanup(kill)
	out = bufio.NewReader(pipe)
	addr, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v", addr, err)
	}
	return "http://" + strings.TrimSpace(addr), out, kill
}

// serveApp makes a process that startApp has started an app, until it is killed. In
// others it does nothing.
func serveApp(t *testing.T) {
	url := os.Getenv(inApp)
	if url == "" {
		return
	}
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(listener.Addr())
	mw := middleware.New(pgadapter.New(pool, withLedger), keyConfig(0))
	t.Fatal(http.Serve(listener, mw(blockingHandler)))
}

// blockingHandler is effectHandler, but says "written" and then blocks if X-Block asks
// for it.
var blockingHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	effectHandler.ServeHTTP(w, r)
	if r.Header.Get("X-Block") != "" {
		fmt.Println("written")
		select {}
	}
})

// TestAppKillAfterCommit: the app died between COMMIT and its answer. The next one has
// the answer.
//
// Mutation seen to fail it: commit without the answer.
func TestAppKillAfterCommit(t *testing.T) {
	serveApp(t)
	t.Parallel()
	a, p := newLedgerApp(t, options{cfg: keyConfig(0)}, effectHandler)
	hit := p.Add(onCommit(pgproxy.Rule{AwaitReply: true, Then: pgproxy.BlackHole}))
	base, _, kill := startApp(t, a.pool.Config().ConnString())
	lost := make(chan error)
	go func() {
		_, err := send(context.Background(), base, "k", "12.50")
		lost <- err
	}()
	<-hit.Done()
	kill()
	if err := <-lost; err == nil {
		t.Error("the client got an answer")
	}
	a.wantReplayed(a.send("k", "12.50"), true)
}

// TestAppKillBeforeCommit: the app died in the middle of its handler. The next one does
// not wait for a lease to end: there is none.
func TestAppKillBeforeCommit(t *testing.T) {
	serveApp(t)
	t.Parallel()
	a, _ := newLedgerApp(t, options{cfg: keyConfig(5 * time.Second)}, effectHandler)
	base, out, kill := startApp(t, a.pool.Config().ConnString())
	lost := make(chan error)
	go func() {
		_, err := send(context.Background(), base, "k", "12.50", "X-Block", "1")
		lost <- err
	}()
	if line, err := out.ReadString('\n'); err != nil || line != "written\n" {
		t.Fatalf("%q, %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	kill()
	if err := <-lost; err == nil {
		t.Error("the client got an answer")
	}
	started := time.Now()
	a.wantReplayed(a.send("k", "12.50"), false)
	if took := time.Since(started); took > 3*time.Second {
		t.Errorf("it waited for %v", took)
	}
}
