package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgproxy"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
)

// book books a seat of show 1, and sends what it was answered.
func book(t *testing.T, base string) <-chan answer {
	answered := make(chan answer, 1)
	go func() {
		defer close(answered)
		res, err := http.Post(base+"/shows/1/bookings", "application/json", strings.NewReader(`{"customer":"ada","seat":1}`))
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Error(err)
		}
		answered <- answer{res.StatusCode, res.Header, string(text)}
	}()
	return answered
}

// checkUnavailable checks that the client was sent to another server.
func checkUnavailable(t *testing.T, a answer) {
	t.Helper()
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "Nothing was changed") {
		t.Errorf("answered %d %v %s", a.status, a.header, a.body)
	}
}

// TestStopInAnOutage: the program is stopped while the database is down, and a request
// waits for it.
//
// Mutation seen to fail it: no Stopping.
func TestStopInAnOutage(t *testing.T) {
	p, err := pgproxy.New(pgtest.Shared(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dbURL, _ := createPostgres(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := new(lines)
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-v", "-db", pgserver.Via(dbURL, p.Addr())}, out)
	}()
	base := out.find(t, regexp.MustCompile(`msg=serving url=(\S+)`))
	p.Refuse(true)
	p.CutAll(pgproxy.RST)
	answered := book(t, base)
	out.find(t, regexp.MustCompile(`msg=(replay_scheduled)`))
	stop()
	checkUnavailable(t, <-answered)
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	out.find(t, regexp.MustCompile(`msg="reprise: request failed" .*error="[^"]*(stopping)`))
}

// TestStopTakesTooLong: what does not end in time is rolled back and answered.
//
// Mutation seen to fail it: Close, and nothing before it.
func TestStopTakesTooLong(t *testing.T) {
	e := engine{"postgres", createPostgres, nil}
	dbURL, outside := e.create(t)
	db := mustOpen(t, dbURL)
	somebody, err := outside.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer somebody.Rollback()
	if _, err := somebody.ExecContext(t.Context(), `update shows set title = title`); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	log := slog.New(slog.DiscardHandler)
	go func() {
		ended <- serveHTTP(ctx, listener, newHandler(db, options{stopping: ctx.Done(), log: log}), 50*time.Millisecond, log)
	}()
	answered := book(t, "http://"+listener.Addr().String())
	s := service{t: t, engine: e.name, outside: outside}
	dbtest.Within(t, 10*time.Second, "the booking waits", func() bool {
		return s.number(`select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) > 0
	})
	stop()
	checkUnavailable(t, <-answered)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "requests cut off after 50ms") {
		t.Errorf("serveHTTP: %v", err)
	}
	if n := s.number(`select count(*) from bookings`); n != 0 {
		t.Errorf("%d bookings", n)
	}
}
