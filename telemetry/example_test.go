package telemetry_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/middleware"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/telemetry"
	"github.com/reprise-go/reprise/txctx"
)

// exampleDB is a database whose first attempt meets a deadlock.
func exampleDB() *fakedb.DB {
	return fakedb.New(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)})
}

// A server: both methods go into the middleware's Config. otelhttp, outside, makes the
// request's span.
func ExampleNew() {
	reader := metric.NewManualReader() // a server has an exporter here
	tel, err := telemetry.New(telemetry.Config{
		System:        "postgresql",
		MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)),
	})
	if err != nil {
		panic(err)
	}
	reprise := middleware.New(exampleDB(), middleware.Config{
		Observe:        tel.Observe,
		AttemptContext: tel.AttemptContext,
	})
	h := reprise(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = fakedb.Tx(r.Context()).Exec(r.Context(), "insert")
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))

	var got metricdata.ResourceMetrics
	_ = reader.Collect(context.Background(), &got)
	for _, m := range got.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
			total := int64(0)
			for _, p := range sum.DataPoints { // one for each set of attributes
				total += p.Value
			}
			fmt.Println(m.Name, total)
		}
	}
	// Output:
	// reprise.requests 1
	// reprise.replays 1
}

// Observe goes well with an observer of one's own: here one line for a job that needed
// more than one attempt.
func ExampleTelemetry_Observe() {
	tel, err := telemetry.New(telemetry.Config{System: "postgresql"})
	if err != nil {
		panic(err)
	}
	o := txctx.Options{
		AttemptContext: tel.AttemptContext,
		Observe: func(ctx context.Context, ev txctx.Event) {
			tel.Observe(ctx, ev)
			if ev.Kind == txctx.RequestFinished && ev.Attempt > 1 {
				fmt.Println("job needed", ev.Attempt, "attempts:", ev.Errs)
			}
		},
	}
	_ = txctx.Run(context.Background(), exampleDB(), o, func(ctx context.Context) error {
		return fakedb.Tx(ctx).Exec(ctx, "insert")
	})
	// Output: job needed 2 attempts: [fake deadlock]
}

// Spans that begin in an attempt are below the attempt's.
func ExampleTelemetry_AttemptContext() {
	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans)) // a server has an exporter here
	tel, err := telemetry.New(telemetry.Config{System: "postgresql", TracerProvider: provider})
	if err != nil {
		panic(err)
	}
	o := txctx.Options{Observe: tel.Observe, AttemptContext: tel.AttemptContext}
	_ = txctx.Run(context.Background(), exampleDB(), o, func(ctx context.Context) error {
		_, span := provider.Tracer("app").Start(ctx, "insert") // as otelsql and otelpgx do
		defer span.End()
		return fakedb.Tx(ctx).Exec(ctx, "insert")
	})
	names := map[oteltrace.SpanID]string{}
	for _, span := range spans.Started() {
		names[span.SpanContext().SpanID()] = span.Name()
		fmt.Printf("%s, below %q: %v\n", span.Name(), names[span.Parent().SpanID()], span.Status().Code)
	}
	// Output:
	// transaction attempt, below "": Error
	// insert, below "transaction attempt": Unset
	// transaction attempt, below "": Unset
	// insert, below "transaction attempt": Unset
}
