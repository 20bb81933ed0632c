package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

const secret = "s3cr3t" // the password in the URLs below

// TestStartErrors: whoever starts the server wrongly is told what is wrong, on
// one line, without the password.
func TestStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown flag", []string{"-port", "1"}, "flag provided but not defined: -port"},
		{"argument", []string{"postgres://app:" + secret + "@localhost/x"}, "unexpected argument"},
		{"max-retries is text", []string{"-max-retries", "many"}, "-max-retries"},
		{"max-retries is negative", []string{"-max-retries", "-1"}, "-max-retries: -1 is negative"},
		{"no scheme", []string{"-db", "localhost/" + secret}, "-db: malformed URL"},
		{"keywords", []string{"-db", "host=localhost password=" + secret}, "-db: malformed URL"},
		{"slash in the password", []string{"-db", "postgres://app:" + secret + "/x@localhost/x"}, "-db: malformed URL"},
		{"percent in the password", []string{"-db", "postgres://app:" + secret + "%zz@localhost/x"}, "-db: malformed URL"},
		{"port", []string{"-db", "postgres://app:" + secret + "@localhost:99999/x"}, "-db: malformed URL: invalid port"},
		{"sslmode", []string{"-db", "postgres://app:" + secret + "@localhost/x?sslmode=maybe"}, "-db: malformed URL: failed to configure TLS (sslmode is invalid)"},
		{"password in the query", []string{"-db", "postgres://app@localhost/x?sslmode=maybe&password=" + secret}, "-db: malformed URL"},
		{"pool", []string{"-db", "postgres://app:" + secret + "@localhost/x?pool_max_conns=few"}, "-db: malformed URL: cannot parse pool_max_conns"},
		{"other scheme", []string{"-db", "mysql://app:" + secret + "@localhost/x"}, `-db: unknown scheme "mysql", want postgres://`},
		{"address in use", []string{"-addr", taken.Addr().String(), "-db", "postgres://app:" + secret + "@localhost/x"}, "address already in use"},
		{"no address", []string{"-addr", "nowhere", "-db", "postgres://localhost/x"}, "-addr: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			args := test.args
			if !strings.Contains(strings.Join(args, " "), "-addr") {
				args = append([]string{"-addr", "127.0.0.1:0"}, args...)
			}
			checkStartError(t, run(t.Context(), args, &out), out.String(), test.want)
		})
	}
}

func checkStartError(t *testing.T, err error, output, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("it started")
	}
	text := err.Error()
	if !strings.Contains(text, want) {
		t.Errorf("error %q does not say %q", text, want)
	}
	if strings.Contains(text, "\n") {
		t.Errorf("more than one line: %q", text)
	}
	if strings.Contains(text+output, secret) {
		t.Errorf("the password is shown: %s\n%s", text, output)
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-help"}, &out); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	for _, name := range []string{"-addr", "-db", "-max-retries", "-v"} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("%s is not explained in\n%s", name, &out)
		}
	}
}

func TestDatabaseUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, addr := range map[string]string{"refuses": closed.Addr().String(), "silent": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			const wait = time.Second
			cfg := config{addr: "127.0.0.1:0", dbWait: wait, db: "postgres://app:" + secret + "@" + addr + "/x?sslmode=disable"}
			began := time.Now()
			err := serve(t.Context(), cfg, slog.New(slog.DiscardHandler))
			checkStartError(t, err, "", "database unreachable within 1s: ")
			if took := time.Since(began); took < wait/2 || took > 5*wait {
				t.Errorf("it gave up after %v", took)
			}
		})
	}
}

func TestDatabaseRefuses(t *testing.T) {
	// The file of who may log in is read by the server's own user.
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	hba := filepath.Join(dir, "pg_hba.conf")
	rules := "host all app all scram-sha-256\nhost all all all trust\n"
	if err := os.WriteFile(hba, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	server := pgtest.New(t, pgserver.Config{Settings: map[string]string{"hba_file": hba}})
	if err := server.Exec(t.Context(), "create role app login password 'another'"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, db, want string }{
		{"wrong password", "app:" + secret + "@" + server.Addr() + "/postgres", `password authentication failed for user "app"`},
		{"no such database", "postgres:" + secret + "@" + server.Addr() + "/nowhere", `database "nowhere" does not exist`},
		{"no right to write", "app:another@" + server.Addr() + "/postgres", "permission denied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			began := time.Now()
			err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-db", "postgres://" + test.db + "?sslmode=disable"}, &out)
			checkStartError(t, err, out.String(), test.want)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it waited %v for what waiting does not change", took)
			}
		})
	}
}

// TestServersStartTogether: migrations run once, whoever comes first.
func TestServersStartTogether(t *testing.T) {
	url := pgtest.Database(t, pgtest.Shared(t))
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			pool, err := openDatabase(t.Context(), url, 10*time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			pool.Close()
		})
	}
	wg.Wait()
	var migrations, shows int
	err := pgtest.Pool(t, url, nil).QueryRow(t.Context(),
		`select (select count(*) from migration), (select count(*) from show)`).Scan(&migrations, &shows)
	if err != nil || migrations != 2 || shows != 3 {
		t.Errorf("%d migrations, %d shows, %v", migrations, shows, err)
	}
}

// TestRun starts the whole program on a throwaway server, and stops it while a
// request is under way: it is answered.
func TestRun(t *testing.T) {
	pgtest.Shared(t) // skips where there is no PostgreSQL
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := new(lines)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-v"}, out) }()
	base := out.find(t, regexp.MustCompile(`msg=serving url=(\S+)`))

	body, rest := io.Pipe()
	answered := make(chan string, 1)
	go func() {
		res, err := http.Post(base+"/shows/1/bookings", "application/json", body)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		answered <- res.Status
	}()
	fmt.Fprint(rest, `{"customer":"ada",`)
	out.find(t, regexp.MustCompile(`(attempt_started)`))
	stop()
	out.find(t, regexp.MustCompile(`msg=(stopping)`))
	fmt.Fprint(rest, `"seat":1}`)
	rest.Close()
	if got := <-answered; got != "201 Created" {
		t.Errorf("the request under way was answered %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	out.find(t, regexp.MustCompile(`(throwaway PostgreSQL is gone)`))
}

// lines is a log that can be waited for.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) find(t *testing.T, what *regexp.Regexp) string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		found := what.FindStringSubmatch(l.text.String())
		l.mu.Unlock()
		if found != nil {
			return found[1]
		}
	}
	t.Fatalf("the log never said %v:\n%s", what, &l.text)
	return ""
}
