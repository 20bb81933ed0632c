package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

// TestMain closes the shared PostgreSQL; the MariaDB goes with the process.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(pgtest.Main(m))
}

// asProgram, in the environment, makes the test binary the program itself.
const asProgram = "REPRISE_TEST_AS_PROGRAM"

// service is the server under test, with a way around it to the database.
type service struct {
	t       *testing.T
	engine  string
	url     string // of the server
	db      *database
	outside *sql.DB
	client  *http.Client  // with connections of its own: ports are used again
	logs    *bytes.Buffer // read it when no request is under way
}

// start returns the service on an empty database of its own, seeded.
func (e engine) start(t *testing.T, o options) *service {
	t.Helper()
	dbURL, outside := e.create(t)
	return e.serve(t, mustOpen(t, dbURL), outside, o)
}

// serve returns the service on db.
func (e engine) serve(t *testing.T, db *database, outside *sql.DB, o options) *service {
	t.Helper()
	s := &service{t: t, engine: e.name, db: db, outside: outside, logs: new(bytes.Buffer)}
	if o.log == nil {
		o.log = slog.New(slog.NewTextHandler(s.logs, nil))
	}
	web := httptest.NewServer(newHandler(db, o))
	t.Cleanup(web.Close)
	s.url, s.client = web.URL, web.Client()
	return s
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request. It may be called from any goroutine.
func (s *service) do(ctx context.Context, method, path, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text)}, err
}

// want sends a request that must be answered with status, and returns the answer.
func (s *service) want(status int, method, path, body string, header ...string) answer {
	s.t.Helper()
	a, err := s.do(s.t.Context(), method, path, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	if a.status != status {
		s.t.Errorf("%s %s %s: status %d, want %d: %s", method, path, body, a.status, status, a.body)
	}
	return a
}

// crowd sends the same request n times at once, and returns how many answers had
// which status.
func (s *service) crowd(n int, method, path, body string) map[int]int {
	var mu sync.Mutex
	got := map[int]int{}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			a, err := s.do(s.t.Context(), method, path, body)
			if err != nil {
				s.t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	wg.Wait()
	return got
}

// into reads the answer's JSON.
func into[V any](t *testing.T, a answer) (v V) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// number returns the one number of a query, past the server.
func (s *service) number(query string, args ...any) (n int64) {
	s.t.Helper()
	if err := s.outside.QueryRowContext(s.t.Context(), s.dialect(query), args...).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *service) exec(query string, args ...any) {
	s.t.Helper()
	if _, err := s.outside.ExecContext(s.t.Context(), s.dialect(query), args...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) dialect(query string) string {
	if s.engine == "postgres" {
		return dollars(query)
	}
	return query
}

// money is all the money there is.
func (s *service) money() int64 {
	s.t.Helper()
	return s.number(`select (select sum(balance) from accounts) + (select sum(takings) from shows)`)
}

// checkBooks fails where the sums do not add up.
func (s *service) checkBooks(money int64) {
	s.t.Helper()
	if now := s.money(); now != money {
		s.t.Errorf("there was money %d, now there is %d", money, now)
	}
	wrong := s.number(`
		select count(*) from shows
		left join (select show_id, count(*) as n, sum(price) as paid from bookings group by show_id) as b on b.show_id=shows.id
		where sold <> coalesce(n, 0) or takings <> coalesce(paid, 0)`)
	if wrong != 0 {
		s.t.Errorf("%d shows disagree with their bookings", wrong)
	}
	twice := s.number(`select count(*) from (select seat from bookings group by show_id, seat having count(*) > 1) as d`)
	if twice != 0 {
		s.t.Errorf("%d seats are sold twice", twice)
	}
	if beyond := s.number(`select count(*) from bookings join shows on shows.id=show_id where seat > seats`); beyond != 0 {
		s.t.Errorf("%d bookings of seats that are not there", beyond)
	}
}

func makeDir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}
