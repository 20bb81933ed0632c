package telemetry_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/telemetry"
	"github.com/reprise-go/reprise/txctx"
)

// everything returns what Prometheus sees of a Telemetry that was told so: the type of each
// metric, and the values of each label.
func everything(t *testing.T, tellAll func(tell func(txctx.Event))) (types map[string]string, labels map[string][]string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.New(telemetry.Config{
		System: "mariadb", Namespace: "shop", MeterProvider: metric.NewMeterProvider(metric.WithReader(exporter)),
	})
	if err != nil {
		t.Fatal(err)
	}
	tellAll(func(ev txctx.Event) { tel.Observe(t.Context(), ev) })
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	types, labels = map[string]string{}, map[string][]string{}
	for _, family := range families {
		if family.GetName() == "target_info" {
			continue
		}
		types[family.GetName()] = strings.ToLower(family.GetType().String())
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if values := labels[label.GetName()]; !slices.Contains(values, label.GetValue()) {
					labels[label.GetName()] = append(values, label.GetValue())
				}
			}
		}
	}
	return types, labels
}

// tellEverything there is.
func tellEverything(tell func(txctx.Event)) {
	tell(txctx.Event{Kind: txctx.AttemptEnded, Queued: 1})
	for reason := retryable.Requested; reason <= retryable.CommitUnknown; reason++ {
		for phase := retryable.Connect; phase <= retryable.Commit; phase++ {
			tell(txctx.Event{Kind: txctx.AttemptStarted, Attempt: 2, Reason: reason, Phase: phase})
			tell(txctx.Event{Kind: txctx.ReplayScheduled, Reason: reason, Phase: phase})
		}
	}
	for outcome := txctx.RolledBack; outcome <= txctx.Unknown; outcome++ {
		tell(txctx.Event{Kind: txctx.OutcomeLookedUp, Outcome: outcome})
	}
	for gap := txctx.NoGap; gap <= txctx.GapBody; gap++ { // every result is there already
		tell(txctx.Event{Kind: txctx.RequestFinished, Gap: gap})
	}
	for _, why := range []string{"replays used up", "out of time", "budget used up", "database down", "stopping", "replay disabled: x", "context ended", "x"} {
		tell(txctx.Event{Kind: txctx.RequestFinished, Err: &retryable.ExhaustedError{Why: why, Errs: []error{retryable.ErrRetry}}})
	}
}

// TestTheDocumentKnowsEveryMetric by the name that Prometheus gives it, its queries name no
// other, and it explains every value of a label.
func TestTheDocumentKnowsEveryMetric(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	types, labels := everything(t, tellEverything)

	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(reprise_\\w+)` \\| (counter|gauge|histogram) ").FindAllStringSubmatch(doc, -1) {
		documented[row[1]] = row[2]
	}
	if diff := cmp.Diff(types, documented); diff != "" {
		t.Errorf("(-exported +documented):\n%s", diff)
	}
	known := slices.Collect(maps.Keys(labels))
	for name, kind := range types {
		known = append(known, name)
		if kind == "histogram" {
			known = append(known, name+"_bucket", name+"_sum", name+"_count")
		}
	}
	for _, name := range regexp.MustCompile(`reprise_\w+`).FindAllString(doc, -1) {
		if !slices.Contains(known, name) {
			t.Errorf("%s is no metric and no label", name)
		}
	}
	for label, values := range labels {
		if label == "db_system_name" || label == "db_namespace" || label == "le" {
			continue
		}
		for _, value := range values {
			if !regexp.MustCompile("(?m)^\\| `" + label + "` .*`" + value + "`").MatchString(doc) {
				t.Errorf("%s=%q is not explained", label, value)
			}
		}
	}
}
