package outbox_test

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/example/ecosystem/outbox"
	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/ledger"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

//go:embed schema.sql
var schema string

var quiet = slog.New(slog.DiscardHandler)

// bed is a sender, a worker and a receiver. The worker's database is behind a proxy.
type bed struct {
	t     *testing.T
	url   string
	pool  *pgxpool.Pool // of the sender, and of the test
	proxy *pgproxy.Proxy
	db    *pgadapter.DB // of the worker

	receiver string // its URL
	mu       sync.Mutex
	keys     []string // with which it was called
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t: t, url: pgtest.Database(t, pgtest.Shared(t))}
	b.pool = pgtest.Pool(t, b.url, nil)
	b.exec(schema)
	b.exec(`create table received (body text)`)
	proxy, err := pgproxy.New(pgtest.Shared(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	b.proxy = proxy
	b.db = pgadapter.New(pgtest.Pool(t, pgserver.Via(b.url, proxy.Addr()), nil), pgadapter.Config{})
	b.receiver = b.receive()
	return b
}

// receive starts a service that keeps the keys it is given, and answers twice what it did
// once.
func (b *bed) receive() string {
	db := pgadapter.New(b.pool, pgadapter.Config{Ledger: ledger.Config{Table: ledger.DefaultTable}})
	if err := db.MigrateLedger(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	reprise := middleware.New(db, middleware.Config{Logger: quiet, Keys: middleware.Keys{
		Scope:    func(*http.Request) (string, error) { return "the outbox", nil },
		Required: func(*http.Request) bool { return true },
	}})
	receive := reprise(middleware.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		_, err = pgadapter.Tx(r.Context()).Exec(r.Context(), `insert into received (body) values ($1)`, string(body))
		return err
	}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.keys = append(b.keys, r.Header.Get("Idempotency-Key"))
		b.mu.Unlock()
		receive.ServeHTTP(w, r)
	}))
	b.t.Cleanup(server.Close)
	return server.URL
}

func (b *bed) called() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.keys)
}

// work runs a worker until stop is called. wait waits for its end.
func (b *bed) work(w *outbox.Worker) (stop, wait func()) {
	b.t.Helper()
	w.DB, w.Log = b.db, quiet
	if w.Deliver == nil {
		w.Deliver = outbox.Post(http.DefaultClient, 5*time.Second)
	}
	if w.Poll == 0 {
		w.Poll = 10 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(context.Background())
	var worker sync.WaitGroup
	worker.Go(func() { w.Run(ctx) })
	b.t.Cleanup(worker.Wait)
	b.t.Cleanup(cancel)
	return cancel, worker.Wait
}

// send has a request send body to the receiver.
func (b *bed) send(body string) {
	b.t.Helper()
	err := txctx.Run(b.t.Context(), pgadapter.New(b.pool, pgadapter.Config{}), txctx.Options{}, func(ctx context.Context) error {
		return outbox.Send(ctx, b.receiver, []byte(body))
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) exec(sql string) {
	b.t.Helper()
	if _, err := b.pool.Exec(context.Background(), sql); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) number(sql string) (n int) {
	b.t.Helper()
	if err := b.pool.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *bed) waitForEmpty() {
	b.t.Helper()
	dbtest.Within(b.t, 20*time.Second, "the outbox is empty", func() bool {
		return b.number(`select count(*) from outbox`) == 0
	})
}

// TestSend: a message is there exactly if its request was committed: one although the
// first attempt had written one, too; none where the answer rolls back.
//
// Mutation seen to fail it: Send on the pool.
func TestSend(t *testing.T) {
	for status, want := range map[int]int{http.StatusAccepted: 1, http.StatusConflict: 0} {
		b := newBed(t)
		attempts := 0
		reprise := middleware.New(pgadapter.New(b.pool, pgadapter.Config{}), middleware.Config{Logger: quiet})
		out := httptest.NewRecorder()
		reprise(middleware.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			attempts++
			if err := outbox.Send(r.Context(), b.receiver, []byte(`{}`)); err != nil {
				return err
			}
			if attempts == 1 {
				return retryable.Mark(errors.New("taken"))
			}
			w.WriteHeader(status)
			return nil
		})).ServeHTTP(out, httptest.NewRequest("POST", "/", nil))
		if n := b.number(`select count(*) from outbox`); out.Code != status || attempts != 2 || n != want {
			t.Errorf("%d: answered %d after %d attempts, %d messages, want %d", status, out.Code, attempts, n, want)
		}
	}
}

// TestDeliveredAtLeastOnceReceivedOnce: the worker's connection is lost between delivery
// and COMMIT.
//
// Mutations seen to fail it: a key made for each delivery; deliver after COMMIT.
func TestDeliveredAtLeastOnceReceivedOnce(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault pgproxy.Rule
		calls int
	}{
		{"nothing happens", pgproxy.Rule{When: pgproxy.SQL("commit")}, 1},
		{"before the row is deleted", pgproxy.Rule{When: pgproxy.SQLFunc(deletes), Do: pgproxy.Drop, Then: pgproxy.CutBoth}, 2},
		{"COMMIT does not arrive", pgproxy.Rule{When: pgproxy.SQL("commit"), Do: pgproxy.Drop, Then: pgproxy.CutBoth}, 2},
		{"COMMIT arrives, its answer does not", pgproxy.Rule{When: pgproxy.SQL("commit"), AwaitReply: true, Then: pgproxy.CutBoth}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBed(t)
			b.send(`{"welcome":"ada"}`)
			hit := b.proxy.Add(test.fault)
			stop, wait := b.work(new(outbox.Worker))
			b.waitForEmpty()
			stop()
			wait()
			keys := b.called()
			if len(keys) != test.calls || len(slices.Compact(keys)) != 1 || hit.Count() != 1 {
				t.Errorf("called with %q, want %d times with the same; %d faults", b.called(), test.calls, hit.Count())
			}
			if n := b.number(`select count(*) from received where body = '{"welcome":"ada"}'`); n != 1 {
				t.Errorf("received %d times", n)
			}
		})
	}
}

func deletes(sql string) bool { return strings.HasPrefix(sql, "delete") }

// TestWorkersShare: each message is delivered once, whoever gets it, also where workers
// begin while the database is down, and wait for it.
//
// Mutation seen to fail it: no FOR UPDATE SKIP LOCKED.
func TestWorkersShare(t *testing.T) {
	b := newBed(t)
	const messages = 40
	for i := range messages {
		b.send(fmt.Sprint(i))
	}
	b.proxy.Refuse(true)
	for range 4 {
		b.work(new(outbox.Worker))
	}
	dbtest.Within(t, 10*time.Second, "they have tried", func() bool { return b.proxy.Dials() >= 4 })
	b.proxy.Refuse(false)
	b.waitForEmpty()
	if calls, n := len(b.called()), b.number(`select count(distinct body) from received`); calls != messages || n != messages {
		t.Errorf("%d calls, %d received", calls, n)
	}
}

// TestARefusedMessageIsPutOff: and does not keep the others from being delivered.
//
// Mutation seen to fail it: return the error of Deliver.
func TestARefusedMessageIsPutOff(t *testing.T) {
	b := newBed(t)
	b.send("poison")
	b.send("good")
	post := outbox.Post(http.DefaultClient, 5*time.Second)
	b.work(&outbox.Worker{Deliver: func(ctx context.Context, m outbox.Message) error {
		if string(m.Body) == "poison" {
			m.URL += "/nowhere\x7f"
		}
		return post(ctx, m)
	}})
	dbtest.Within(t, 20*time.Second, "the other is received", func() bool { return b.number(`select count(*) from received`) == 1 })
	dbtest.Within(t, 20*time.Second, "it is put off for longer", func() bool {
		return b.number(`select count(*) from outbox where failures = 2 and due > now() + interval '1 second'`) == 1
	})
}

// TestStop: a delivery under way is finished, and nothing is begun after it; nobody waits
// for a database that is down.
//
// Mutations seen to fail it: run under the context of the worker; no Stopping.
func TestStop(t *testing.T) {
	t.Run("delivering", func(t *testing.T) {
		b := newBed(t)
		b.send("1")
		b.send("2")
		delivering, goOn := make(chan struct{}), make(chan struct{})
		post := outbox.Post(http.DefaultClient, 5*time.Second)
		stop, wait := b.work(&outbox.Worker{Deliver: func(ctx context.Context, m outbox.Message) error {
			close(delivering)
			<-goOn
			return post(ctx, m)
		}})
		<-delivering
		stop()
		close(goOn)
		wait()
		if left, n := b.number(`select count(*) from outbox`), b.number(`select count(*) from received where body = '1'`); left != 1 || n != 1 {
			t.Errorf("%d left, %d received", left, n)
		}
	})
	t.Run("waiting for the database", func(t *testing.T) {
		b := newBed(t)
		b.proxy.Refuse(true)
		stop, wait := b.work(new(outbox.Worker))
		dbtest.Within(t, 10*time.Second, "it has tried", func() bool { return b.proxy.Dials() >= 4 })
		stop()
		wait()
	})
}

// TestListen: a worker that polls once in an hour hears of messages, also after the
// connection that listens was lost.
//
// Mutation seen to fail it: no NOTIFY.
func TestListen(t *testing.T) {
	b := newBed(t)
	wake := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var listener sync.WaitGroup
	listener.Go(func() { outbox.Listen(ctx, b.url, wake) })
	defer func() { cancel(); listener.Wait() }()
	b.work(&outbox.Worker{Poll: time.Hour, Wake: wake})
	listening := func() bool {
		return b.number(`select count(*) from pg_stat_activity where datname = current_database() and query = 'listen outbox'`) == 1
	}
	for range 2 {
		dbtest.Within(t, 10*time.Second, "it listens", listening)
		b.send("news")
		b.waitForEmpty()
		b.exec(`select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and query = 'listen outbox'`)
	}
}
