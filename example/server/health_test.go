package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/mariaserver"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/internal/pgserver"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/txctx"
)

func TestHealthDoesNotTouchTheDatabase(t *testing.T) { onEngines(t, testHealthDoesNotTouchTheDatabase) }

func testHealthDoesNotTouchTheDatabase(t *testing.T, e engine) {
	attempts := 0
	s := e.start(t, options{observe: func(context.Context, txctx.Event) { attempts++ }})
	s.want(http.StatusOK, "GET", "/healthz", "")
	s.want(http.StatusOK, "GET", "/readyz", "")
	if attempts != 0 {
		t.Errorf("%d events: not skipped", attempts)
	}
}

// outage is a database that can be taken down.
type outage struct {
	url  string
	down func() error
	up   func(context.Context) error
}

// TestServerComesAndGoes: a server that is down when the service starts is waited
// for; while it is down later, the service is healthy and not ready.
func TestServerComesAndGoes(t *testing.T) {
	pg := func(t *testing.T) outage {
		server := pgtest.New(t, pgserver.Config{})
		return outage{server.URL(), server.Kill, server.StartAgain}
	}
	maria := func(t *testing.T) outage {
		server := mariatest.New(t, mariaserver.Config{})
		return outage{"mysql://root@" + server.Addr() + "/test", server.Kill, server.StartAgain}
	}
	for name, start := range map[string]func(*testing.T) outage{"postgres": pg, "mysql": maria} {
		t.Run(name, func(t *testing.T) { testServerComesAndGoes(t, start(t)) })
	}
}

func testServerComesAndGoes(t *testing.T, o outage) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := o.down(); err != nil {
		t.Fatal(err)
	}
	restarted := make(chan error, 1)
	go func() { restarted <- o.up(ctx) }()
	db, err := openDatabase(ctx, o.url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.close)
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}

	s := engine{}.serve(t, db, nil, options{})
	s.want(http.StatusOK, "GET", "/readyz", "")
	if err := o.down(); err != nil {
		t.Fatal(err)
	}
	s.want(http.StatusOK, "GET", "/healthz", "")
	s.want(http.StatusServiceUnavailable, "GET", "/readyz", "")
	if err := o.up(ctx); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	s.want(http.StatusOK, "GET", "/shows", "")
}

// TestFileComesAndGoes is the same for SQLite.
func TestFileComesAndGoes(t *testing.T) {
	dbURL, outside := createSQLite(t)
	db, fault := openFaulty(t, dbURL, "")
	s := engine{name: "sqlite"}.serve(t, db, outside, options{})
	s.want(http.StatusOK, "GET", "/readyz", "")
	fault.Refuse(true)
	fault.CutAll()
	s.want(http.StatusOK, "GET", "/healthz", "")
	s.want(http.StatusServiceUnavailable, "GET", "/readyz", "")
	fault.Refuse(false)
	s.awaitReady()
	s.want(http.StatusOK, "GET", "/shows", "")
}

// awaitReady waits for the service to be ready: the first to ask may meet a
// connection of before.
func (s *service) awaitReady() {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		a, err := s.do(s.t.Context(), "GET", "/readyz", "")
		switch {
		case err != nil:
			s.t.Fatal(err)
		case a.status == http.StatusOK:
			return
		case time.Now().After(deadline):
			s.t.Fatalf("still %d: %s", a.status, a.body)
		}
	}
}
