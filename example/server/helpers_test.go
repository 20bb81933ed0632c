package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// service is the server under test, with a way around it to the database.
type service struct {
	t      *testing.T
	url    string        // of the server
	db     string        // URL of the database
	pool   *pgxpool.Pool // the test's own
	served *pgxpool.Pool // the server's
	client *http.Client  // with connections of its own: ports are used again
	logs   *bytes.Buffer // read it when no request is under way
}

// start returns the service on an empty database of its own, seeded.
func start(t *testing.T, o options) *service { return startPool(t, o, 4) }

// startPool is start with a pool of that many connections for the server.
func startPool(t *testing.T, o options, conns int) *service {
	t.Helper()
	s := &service{t: t, db: pgtest.Database(t, pgtest.Shared(t)), logs: new(bytes.Buffer)}
	pool, err := openDatabase(t.Context(), fmt.Sprintf("%s&pool_max_conns=%d", s.db, conns), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s.served = pool
	s.pool = pgtest.Pool(t, s.db, nil)
	if o.log == nil {
		o.log = slog.New(slog.NewTextHandler(s.logs, nil))
	}
	web := httptest.NewServer(newHandler(pool, o))
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

// into reads the answer's JSON.
func into[V any](t *testing.T, a answer) (v V) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// number returns the one number of a query, past the server.
func (s *service) number(sql string, args ...any) (n int64) {
	s.t.Helper()
	if err := s.pool.QueryRow(s.t.Context(), sql, args...).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *service) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.pool.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

// money is all the money there is.
func (s *service) money() int64 {
	s.t.Helper()
	return s.number(`select ((select sum(balance) from account) + (select sum(takings) from show))::bigint`)
}

// checkBooks fails where the sums do not add up.
func (s *service) checkBooks(money int64) {
	s.t.Helper()
	if now := s.money(); now != money {
		s.t.Errorf("there is %d of money, there was %d", now, money)
	}
	wrong := s.number(`
		select count(*) from show
		left join (select show_id, count(*) as n, sum(price) as paid from booking group by 1) as b on b.show_id=show.id
		where sold <> coalesce(n, 0) or takings <> coalesce(paid, 0)`)
	if wrong != 0 {
		s.t.Errorf("%d shows disagree with their bookings", wrong)
	}
	if twice := s.number(`select count(*) - count(distinct (show_id, seat)) from booking`); twice != 0 {
		s.t.Errorf("%d seats are sold twice", twice)
	}
	if beyond := s.number(`select count(*) from booking join show on show.id=show_id where seat > seats`); beyond != 0 {
		s.t.Errorf("%d bookings of seats that are not there", beyond)
	}
}
