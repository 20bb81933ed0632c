package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/txctx"
)

func TestPrometheusIsTold(t *testing.T) { onEngines(t, testPrometheusIsTold) }

func testPrometheusIsTold(t *testing.T, e engine) {
	dbURL, outside := e.create(t)
	db := mustOpen(t, dbURL)
	m, err := newMetrics(db)
	if err != nil {
		t.Fatal(err)
	}
	events := 0
	s := e.serve(t, db, outside, options{maxRetries: 5, metrics: m, observe: func(context.Context, txctx.Event) { events++ }})

	s.want(http.StatusNotFound, "GET", "/accounts/nobody", "")
	s.want(http.StatusOK, "GET", "/metrics", "")
	text := s.want(http.StatusOK, "GET", "/metrics", "").body
	for _, want := range []string{
		`reprise_requests_total{db_system_name="` + systems[e.name] + `",reprise_gap="none",reprise_result="rolled_back"} 1`,
		`reprise_request_attempts_count{db_system_name="` + systems[e.name] + `"} 1`,
		"\ngo_goroutines ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if events != 3 {
		t.Errorf("%d events of one request: /metrics is not skipped, or the other observer not told", events)
	}
}
