package reprise_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestMain checks, after all tests, that no goroutine and no temporary file is
// left behind.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "reprise-root-")
	if err != nil {
		panic(err)
	}
	tempDir = dir
	code := pgtest.Main(m)
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
		code = max(code, 1)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "temporary files left behind:", left)
		code = max(code, 1)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// tempDir is Config.TempDir of every app, so that leaks can be seen.
var tempDir string

// app is a handler behind the middleware on a real PostgreSQL.
type app struct {
	t    *testing.T
	pool *pgxpool.Pool
	srv  *httptest.Server
	logs *lockedBuffer

	mu     sync.Mutex
	events []txctx.Event
}

// options vary an app; the zero value is what most tests want.
type options struct {
	cfg    middleware.Config
	pg     pgadapter.Config
	url    string // of the database; a fresh one if empty
	pool   func(*pgxpool.Config)
	db     func(t *testing.T, url string) txctx.DB                               // pgadapter on the app's pool if nil
	router func(mw func(http.Handler) http.Handler, h http.Handler) http.Handler // viaChi if nil
}

func newApp(t *testing.T, o options, h http.Handler) *app {
	t.Helper()
	if o.url == "" {
		o.url = newDatabase(t)
	}
	a := &app{t: t, logs: new(lockedBuffer)}
	a.pool = pgtest.Pool(t, o.url, o.pool)
	o.cfg.TempDir = tempDir
	o.cfg.Logger = slog.New(slog.NewTextHandler(a.logs, nil))
	observe := o.cfg.Observe
	o.cfg.Observe = func(ctx context.Context, ev txctx.Event) {
		a.mu.Lock()
		a.events = append(a.events, ev)
		a.mu.Unlock()
		if observe != nil {
			observe(ctx, ev)
		}
	}
	if o.router == nil {
		o.router = viaChi
	}
	var db txctx.DB = pgadapter.New(a.pool, o.pg)
	if o.db != nil {
		db = o.db(t, o.url)
	}
	mw := middleware.New(db, o.cfg)
	a.srv = httptest.NewServer(o.router(mw, h))
	t.Cleanup(func() {
		a.srv.CloseClientConnections()
		a.srv.Close()
		a.checkPoolClean()
	})
	return a
}

// checkPoolClean is rule 21: no connection in use, none in a transaction.
func (a *app) checkPoolClean() {
	eventually(a.t, "no connection in use", func() bool { return a.pool.Stat().AcquiredConns() == 0 })
	for _, c := range a.pool.AcquireAllIdle(context.Background()) {
		if s := c.Conn().PgConn().TxStatus(); s != 'I' {
			a.t.Errorf("a pooled connection is in transaction status %c", s)
		}
		c.Release()
	}
}

var schemas atomic.Int64

// newDatabase returns the URL of a schema of its own on the shared server, which
// is much cheaper than a database, with the tables the tests write to.
func newDatabase(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", schemas.Add(1))
	url := pgtest.Shared(t).URL()
	exec(t, url, "create schema "+name)
	url += "&search_path=" + name
	exec(t, url, schema)
	return url
}

// effect has no unique index, so that an effect that took place twice is seen.
const schema = `
	create table effect (req text, attempt int);
	create table counter (id int primary key, n int not null);
	insert into counter values (1, 0), (2, 0);`

func exec(t *testing.T, url, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// effects returns the attempts whose effects are in the database.
func (a *app) effects() []int {
	a.t.Helper()
	rows, err := a.pool.Query(context.Background(), `select attempt from effect order by attempt`)
	if err != nil {
		a.t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		a.t.Fatal(err)
	}
	return got
}

// effect is what a handler writes to be seen by effects.
func effect(ctx context.Context) error {
	return do(ctx, `insert into effect values ('r', $1)`, txctx.AttemptOf(ctx).Number)
}

// do runs a statement in the transaction of ctx, whatever adapter it is of.
func do(ctx context.Context, sql string, args ...any) error {
	if tx, ok := sqladapter.From(ctx); ok {
		_, err := tx.ExecContext(ctx, sql, args...)
		return err
	}
	_, err := pgadapter.Tx(ctx).Exec(ctx, sql, args...)
	return err
}

// viaFreshStdlib is viaStdlib with a new connection for every transaction.
func viaFreshStdlib(t *testing.T, url string) txctx.DB {
	t.Helper()
	db := viaStdlib(t, url).(*sqladapter.DB)
	db.SQL().SetMaxIdleConns(-1)
	return db
}

// viaStdlib is database/sql over pgx.
func viaStdlib(t *testing.T, url string) txctx.DB {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	db := sqladapter.New(stdlib.GetConnector(*cfg), sqladapter.Config{
		Classify: pgadapter.Classify, Unusable: pgadapter.Unusable, Severed: pgadapter.Severed,
	})
	db.SQL().SetMaxOpenConns(4)
	t.Cleanup(func() {
		eventually(t, "no connection in use", func() bool { return db.SQL().Stats().InUse == 0 })
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem returns the fragment of the problem's type, "" if it is none.
func (a answer) problem() string {
	var p struct{ Type string }
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.body), &p) != nil {
		return ""
	}
	_, fragment, _ := strings.Cut(p.Type, "#")
	return fragment
}

func (a *app) do(method, path, body string) answer {
	a.t.Helper()
	got, err := a.try(method, path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	return got
}

func (a *app) try(method, path, body string) (answer, error) {
	req, err := http.NewRequest(method, a.srv.URL+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	resp, err := a.srv.Client().Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

// attempts returns how many attempts have ended so far.
func (a *app) attempts() int { return len(a.ended()) }

// ended returns the events of ended attempts.
func (a *app) ended() (out []txctx.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ev := range a.events {
		if ev.Kind == txctx.AttemptEnded {
			out = append(out, ev)
		}
	}
	return out
}

func viaChi(mw func(http.Handler) http.Handler, h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(mw)
	r.Mount("/api", func() http.Handler {
		sub := chi.NewRouter()
		sub.Handle("/things/{id}", h)
		return sub
	}())
	r.Handle("/*", h)
	return r
}

func viaServeMux(mw func(http.Handler) http.Handler, h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/things/{id}", h)
	mux.Handle("/", h)
	return mw(mux)
}

// forRouters runs a test behind chi and behind net/http's mux.
func forRouters(t *testing.T, test func(t *testing.T, router func(func(http.Handler) http.Handler, http.Handler) http.Handler)) {
	t.Helper()
	t.Run("chi", func(t *testing.T) { t.Parallel(); test(t, viaChi) })
	t.Run("ServeMux", func(t *testing.T) { t.Parallel(); test(t, viaServeMux) })
}

// forStacks runs a test behind both routers on pgx, and on database/sql.
func forStacks(t *testing.T, test func(t *testing.T, stack options)) {
	t.Helper()
	t.Run("chi, pgx", func(t *testing.T) { t.Parallel(); test(t, options{router: viaChi}) })
	t.Run("ServeMux, pgx", func(t *testing.T) { t.Parallel(); test(t, options{router: viaServeMux}) })
	t.Run("chi, stdlib", func(t *testing.T) { t.Parallel(); test(t, options{router: viaChi, db: viaStdlib}) })
}

// eventually polls until ok reports true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	dbtest.Within(t, 10*time.Second, what, ok)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func contains(a answer, s string) bool {
	if strings.Contains(a.body, s) {
		return true
	}
	for _, values := range a.header {
		if strings.Contains(strings.Join(values, "\n"), s) {
			return true
		}
	}
	return false
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
