package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/telemetry"
	"github.com/reprise-go/reprise/txctx"
)

var (
	errPlain = errors.New("plain")
	quiet    = slog.New(slog.NewTextHandler(io.Discard, nil))
	hasty    = retryable.Policy{
		Conflict: retryable.Backoff{Base: 1, Max: 1},
		Outage:   retryable.Backoff{Base: 1, Max: 1},
	}
)

type fn = func(context.Context) error

// write is a function of one statement.
func write(ctx context.Context) error { return fakedb.Tx(ctx).Exec(ctx, "a") }

// doomedBy is what an attempt meets at its first statement.
func doomedBy(reason retryable.Reason) fakedb.Attempt {
	return fakedb.Attempt{Statements: fakedb.Faults(1, reason)}
}

// bed is a Telemetry with everything that it told.
type bed struct {
	t        *testing.T
	tel      *telemetry.Telemetry
	provider *trace.TracerProvider
	spans    *tracetest.SpanRecorder
	reader   *metric.ManualReader
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t: t, spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
	b.provider = trace.NewTracerProvider(trace.WithSpanProcessor(b.spans))
	tel, err := telemetry.New(telemetry.Config{
		System:         "postgresql",
		Namespace:      "shop",
		TracerProvider: b.provider,
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(b.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.tel = tel
	return b
}

// options are those of a run that is observed.
func (b *bed) options() txctx.Options {
	return txctx.Options{Retry: hasty, Logger: quiet, Observe: b.tel.Observe, AttemptContext: b.tel.AttemptContext}
}

// run runs f below a span of its own, as a server's would be.
func (b *bed) run(db txctx.DB, f fn) error {
	ctx, span := b.provider.Tracer("server").Start(b.t.Context(), "request")
	defer span.End()
	return txctx.Run(ctx, db, b.options(), f)
}

// counted returns what was measured, one line for each instrument and set of
// attributes, without those of the database: "name{key=value}: count", and for histograms
// their sum.
func (b *bed) counted() []string {
	b.t.Helper()
	var all metricdata.ResourceMetrics
	if err := b.reader.Collect(context.Background(), &all); err != nil {
		b.t.Fatal(err)
	}
	var lines []string
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			lines = append(lines, b.points(m)...)
		}
	}
	sort.Strings(lines)
	return lines
}

func (b *bed) points(m metricdata.Metrics) (lines []string) {
	b.t.Helper()
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			if p.Value == 0 { // made ready
				continue
			}
			lines = append(lines, fmt.Sprintf("%s: %d", b.name(m.Name, p.Attributes), p.Value))
		}
	case metricdata.Histogram[int64]:
		for _, p := range data.DataPoints {
			lines = append(lines, fmt.Sprintf("%s: %d, sum %d", b.name(m.Name, p.Attributes), p.Count, p.Sum))
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			lines = append(lines, fmt.Sprintf("%s: %d, sum %v", b.name(m.Name, p.Attributes), p.Count, p.Sum))
		}
	default:
		b.t.Errorf("%s is a %T", m.Name, data)
	}
	return lines
}

// name is the instrument's with the attributes, after checking that the database is named.
func (b *bed) name(name string, set attribute.Set) string {
	b.t.Helper()
	var attrs []string
	database := 0
	for _, kv := range set.ToSlice() {
		switch text := string(kv.Key) + "=" + kv.Value.String(); text {
		case "db.system.name=postgresql", "db.namespace=shop":
			database++
		default:
			attrs = append(attrs, strings.TrimPrefix(text, "reprise."))
		}
	}
	if database != 2 {
		b.t.Errorf("%s does not name the database: %v", name, set.ToSlice())
	}
	return strings.TrimPrefix(name, "reprise.") + "{" + strings.Join(attrs, ",") + "}"
}
