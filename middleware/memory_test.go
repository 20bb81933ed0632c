package middleware_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	osexec "os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// inServer marks the process that is the server of TestMemoryOfUploads.
const inServer = "REPRISE_TEST_UPLOADS"

// TestMemoryOfUploads: many clients at once, each with a body of 1 MiB that is read to its
// end in two attempts. The server is a process of its own; HeapInuse is watched there.
//
// Mutation seen to fail it: bodies stay in memory.
func TestMemoryOfUploads(t *testing.T) {
	if os.Getenv(inServer) != "" {
		serveUploads(t)
		return
	}
	const size, most = 1 << 20, 150 << 20
	clients := 1000
	if testing.Short() {
		clients = 300
	}
	server := osexec.Command(os.Args[0], "-test.run=^TestMemoryOfUploads$")
	server.Env = append(os.Environ(), fmt.Sprintf("%s=%d", inServer, clients), "GOGC=100", "GOMEMLIMIT=off", "TMPDIR="+t.TempDir())
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v", addr, err)
	}
	url := "http://" + strings.TrimSpace(addr)
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 2 * time.Minute}
	body := bytes.Repeat([]byte("reprise "), size/8)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			resp, err := client.Post(url, "application/octet-stream", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); err != nil || string(got) != fmt.Sprintf("attempt 2, %d bytes", size) {
				t.Errorf("%d %q, %v", resp.StatusCode, got, err)
			}
		})
	}
	wg.Wait()
	resp, err := client.Get(url + "/peak")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var peak int
	if _, err := fmt.Fscan(resp.Body, &peak); err != nil || peak > most || peak == 0 {
		t.Errorf("HeapInuse was %d MiB, want no more than %d; %v", peak>>20, most>>20, err)
	}
	t.Logf("%d uploads: HeapInuse was %d MiB at most", clients, peak>>20)
}

// serveUploads is the server, until it is killed. Nobody's first attempt ends before
// everybody's body has been read.
func serveUploads(t *testing.T) {
	var clients int
	if _, err := fmt.Sscan(os.Getenv(inServer), &clients); err != nil {
		t.Fatal(err)
	}
	var peak, read atomic.Int64
	everybody := make(chan struct{})
	go func() {
		var m runtime.MemStats
		for range time.Tick(5 * time.Millisecond) {
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), int64(m.HeapInuse)))
		}
	}()
	upload := middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return err
		}
		attempt := txctx.AttemptOf(r.Context()).Number
		if attempt == 1 {
			if read.Add(1) == int64(clients) {
				close(everybody)
			}
			<-everybody
			return retryable.Mark(fmt.Errorf("once more"))
		}
		_, err = fmt.Fprintf(w, "attempt %d, %d bytes", attempt, n)
		return err
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/peak", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, peak.Load()) })
	mux.Handle("/", middleware.New(fakedb.New(), middleware.Config{Retry: retryable.Policy{RetryFor: time.Minute}, TempDir: t.TempDir()})(upload))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(l.Addr())
	t.Error(http.Serve(l, mux)) //nolint:gosec // it is killed
}
