package telemetry_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/telemetry"
	"github.com/reprise-go/reprise/txctx"
)

// nowhere is a client that allocates nothing.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header       { return w.header }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// BenchmarkRequest is what a request costs that does nothing, without and with telemetry.
func BenchmarkRequest(b *testing.B) {
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: trace.NewTracerProvider(),
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())),
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name string
		cfg  middleware.Config
	}{
		{"bare", middleware.Config{}},
		{"observed", middleware.Config{Observe: func(context.Context, txctx.Event) {}}},
		{"metrics", middleware.Config{Observe: tel.Observe}},
		{"metrics and spans", middleware.Config{Observe: tel.Observe, AttemptContext: tel.AttemptContext}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			h := middleware.New(fakedb.New(), bb.cfg)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			w := nowhere{make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
