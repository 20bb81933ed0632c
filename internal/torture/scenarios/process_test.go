package scenarios

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/torture"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

// inApp holds, in a process that startApp has started, the engine and the connection
// string of its database.
const inApp = "REPRISE_SCENARIO_APP"

// process is an app in a process of its own, to be killed.
type process struct {
	url  string
	out  *bufio.Reader
	kill func()
}

// startApp runs the test binary once more, in which serveApp makes it an app.
func startApp(t *testing.T, e torture.Engine, dsn string) *process {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), inApp+"="+string(e)+" "+dsn, "TMPDIR="+t.TempDir())
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{out: bufio.NewReader(pipe)}
	killed := false
	p.kill = func() {
		if !killed {
			killed = true
			_ = child.Process.Kill()
			_ = child.Wait()
		}
	}
	t.Cleanup(p.kill)
	addr, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v", addr, err)
	}
	p.url = "http://" + strings.TrimSpace(addr)
	return p
}

// await waits until the process prints a line.
func (p *process) await(t *testing.T, line string) {
	t.Helper()
	if got, err := p.out.ReadString('\n'); err != nil || got != line+"\n" {
		t.Fatalf("%q, %v", got, err)
	}
}

// ask sends the request that a stage sends, and returns nil if there is an answer.
func (p *process) ask(req string, header http.Header) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	body, _ := json.Marshal(torture.Ask{Req: req, From: 1}) // strings and numbers: it cannot fail
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/append/1", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	r.Header = header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// serveApp makes a process that startApp has started an app, until it is killed. In
// others it does nothing.
func serveApp() {
	engine, dsn, ok := strings.Cut(os.Getenv(inApp), " ")
	if !ok {
		return
	}
	fmt.Fprintln(os.Stderr, serve(torture.Engine(engine), dsn))
	os.Exit(1)
}

// exec1 runs a statement in the transaction of ctx.
type exec1 func(ctx context.Context, query string) error

func serve(engine torture.Engine, dsn string) error {
	db, do, err := open(engine, dsn)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	var cfg middleware.Config
	everybodysKeys(0)(&cfg)
	server := &http.Server{Handler: middleware.New(named{db}, cfg)(appendHandler(do)), ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

func open(engine torture.Engine, dsn string) (txctx.DB, exec1, error) {
	config := ledger.Config{Table: ledger.DefaultTable}
	if engine == torture.MariaDB {
		db, err := mysqladapter.Open(dsn, mysqladapter.Config{Ledger: config})
		return db, func(ctx context.Context, query string) error {
			_, err := mysqladapter.Tx(ctx).ExecContext(ctx, query)
			return err
		}, err
	}
	pool, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		return nil, nil, err
	}
	return pgadapter.New(pool, pgadapter.Config{Ledger: config}), func(ctx context.Context, query string) error {
		_, err := pgadapter.Tx(ctx).Exec(ctx, query)
		return err
	}, nil
}

// appendHandler appends to list 1, of a database where nobody else does, as the handler
// of the torture does it. With X-Block it says "written" and never returns.
func appendHandler(do exec1) http.Handler {
	return middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		var ask torture.Ask
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			return err
		}
		ctx := r.Context()
		d := torture.Done{Req: ask.Req, Attempt: txctx.AttemptOf(ctx).Number, Run: runOf(ctx), Values: []int64{1}}
		err := errors.Join(
			do(ctx, `update list_head set n = n + 1 where id = 1`),
			do(ctx, `insert into list_item values (1, 1, '`+ask.Req+`')`),
			do(ctx, fmt.Sprintf(`insert into happened values ('%s', %d, '%s', 'append', 1, 0, 0)`, d.Req, d.Attempt, d.Run)),
		)
		if err != nil {
			return err
		}
		if r.Header.Get("X-Block") != "" {
			fmt.Println("written")
			select {}
		}
		return json.NewEncoder(w).Encode(d)
	})
}

// named is a DB whose attempts know the id of their run.
type named struct{ txctx.DB }

type runKey struct{}

func (n named) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	id := c.RunID()
	return n.DB.Begin(context.WithValue(ctx, runKey{}, hex.EncodeToString(id[:])), c)
}

// KeepsKeys implements txctx.KeyKeeper.
func (n named) KeepsKeys() (time.Duration, bool) { return n.DB.(txctx.KeyKeeper).KeepsKeys() }

func runOf(ctx context.Context) string { return ctx.Value(runKey{}).(string) }
