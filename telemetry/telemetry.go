package telemetry

import (
	"cmp"
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/reprise-go/reprise/txctx"
)

const scope = "github.com/reprise-go/reprise/telemetry"

// Config says what spans and metrics are made with. The zero value is ready. It is
// copied by [New].
type Config struct {
	// System is the database's name in the semantic conventions, db.system.name:
	// "postgresql", "mysql", "mariadb", "sqlite", "cockroachdb". "other_sql"
	System string

	// Namespace is the database's own name, db.namespace. Set it where one process
	// has more than one. none
	Namespace string

	// TracerProvider makes the spans. otel.GetTracerProvider()
	TracerProvider trace.TracerProvider

	// MeterProvider makes the instruments. otel.GetMeterProvider()
	MeterProvider metric.MeterProvider

	_ struct{}
}

// Telemetry turns the events of runs into spans and metrics. It keeps nothing of a
// run. Its methods may be called from any goroutine.
type Telemetry struct {
	database []attribute.KeyValue // on everything
	sqlite   bool
	tracer   trace.Tracer
	meters   meters
}

// New returns a Telemetry for the runs on one database. It fails where the
// MeterProvider refuses an instrument.
func New(cfg Config) (*Telemetry, error) {
	system := semconv.DBSystemNameKey.String(cmp.Or(cfg.System, "other_sql"))
	t := &Telemetry{database: []attribute.KeyValue{system}, sqlite: system == semconv.DBSystemNameSQLite}
	if cfg.Namespace != "" {
		t.database = append(t.database, semconv.DBNamespace(cfg.Namespace))
	}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	t.tracer = cfg.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	if err := t.meters.make(cfg.MeterProvider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)), t.database); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	return t, nil
}

// Observe is for the Observe of middleware.Config and of [txctx.Options]. It counts,
// and ends the spans that AttemptContext began.
func (t *Telemetry) Observe(ctx context.Context, ev txctx.Event) {
	t.trace(ctx, &ev)
	t.meters.observe(ctx, &ev)
}
