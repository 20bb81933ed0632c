package main

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/reprise-go/reprise/telemetry"
	"github.com/reprise-go/reprise/txctx"
)

// pathMetrics is for Prometheus. Keep it inside: it says how busy and how well the
// service is.
const pathMetrics = "/metrics"

// metrics count what Reprise does, and what the process needs.
type metrics struct {
	http.Handler
	observe func(context.Context, txctx.Event)
}

// systems are the engines' names in OpenTelemetry's semantic conventions.
var systems = map[string]string{"postgres": "postgresql", "mysql": "mysql", "sqlite": "sqlite"}

// newMetrics returns metrics of their own, so that one process can have many.
func newMetrics(db *database) (*metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	tel, err := telemetry.New(telemetry.Config{
		System:        systems[db.engine],
		MeterProvider: metric.NewMeterProvider(metric.WithReader(exporter)),
	})
	if err != nil {
		return nil, err
	}
	return &metrics{promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), tel.Observe}, nil
}
