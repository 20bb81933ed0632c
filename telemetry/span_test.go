package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/telemetry"
	"github.com/reprise-go/reprise/txctx"
)

// refusing is a provider whose meters make no counters.
type refusing struct{ noop.MeterProvider }

func (refusing) Meter(string, ...metric.MeterOption) metric.Meter { return refusingMeter{} }

type refusingMeter struct{ noop.Meter }

func (refusingMeter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return noop.Int64Counter{}, errors.New("no")
}

// code is an error as drivers have them.
type code string

func (c code) Error() string    { return "duplicate key: ada@example.org" }
func (c code) SQLState() string { return string(c) }

type number int

func (n number) Error() string { return "database is locked" }
func (n number) Code() int     { return int(n) }

// attributes of a span, without those of the database.
func attributes(t *testing.T, span trace.ReadOnlySpan) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, kv := range span.Attributes() {
		all[string(kv.Key)] = kv.Value.AsInterface()
	}
	if all["db.system.name"] != "postgresql" || all["db.namespace"] != "shop" {
		t.Errorf("%s does not name the database: %v", span.Name(), all)
	}
	delete(all, "db.system.name")
	delete(all, "db.namespace")
	return all
}

// named returns the spans of that name, in the order in which they began.
func (b *bed) named(name string) (spans []trace.ReadOnlySpan) {
	for _, span := range b.spans.Started() {
		if span.Name() == name {
			spans = append(spans, span)
		}
	}
	return spans
}

// TestEveryAttemptHasASpan: below the request's, linked to the attempt before, above those
// of its statements.
//
// Mutation seen to fail it: start the span below before; no link; hand ctx on without the span.
func TestEveryAttemptHasASpan(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	statement := func(ctx context.Context) error {
		_, span := b.provider.Tracer("driver").Start(ctx, "statement")
		defer span.End()
		return write(ctx)
	}
	if err := b.run(fakedb.New(doomedBy(retryable.Deadlock), doomedBy(retryable.Disconnected)), statement); err != nil {
		t.Fatal(err)
	}
	request := b.named("request")[0].SpanContext()
	attempts, statements := b.named("transaction attempt"), b.named("statement")
	if len(attempts) != 3 || len(statements) != 3 {
		t.Fatalf("%d attempts, %d statements", len(attempts), len(statements))
	}
	for i, span := range attempts {
		if span.Parent().SpanID() != request.SpanID() {
			t.Errorf("attempt %d is not below the request", i+1)
		}
		if statements[i].Parent().SpanID() != span.SpanContext().SpanID() {
			t.Errorf("statement %d is not below its attempt", i+1)
		}
		var links []string
		for _, link := range span.Links() {
			links = append(links, link.SpanContext.SpanID().String())
		}
		var want []string
		if i > 0 {
			want = []string{attempts[i-1].SpanContext().SpanID().String()}
		}
		if diff := cmp.Diff(want, links); diff != "" {
			t.Errorf("links of attempt %d (-want +got):\n%s", i+1, diff)
		}
	}
	if n, m := len(b.spans.Started()), len(b.spans.Ended()); n != m {
		t.Errorf("%d spans started, %d ended", n, m)
	}
}

// TestASpanSaysWhatBecameOfItsAttempt, and nothing that the database said.
//
// Mutation seen to fail it: describe with the error's text as status.
func TestASpanSaysWhatBecameOfItsAttempt(t *testing.T) {
	t.Parallel()
	duplicate := &retryable.Error{Reason: retryable.Serialization, Err: code("40001")}
	for name, tt := range map[string]struct {
		script fakedb.Attempt
		f      fn
		status string
		want   map[string]any
	}{
		"committed": {fakedb.Attempt{}, write, "Unset ", map[string]any{
			"reprise.outcome": "committed",
		}},
		"rolled back by wish": {fakedb.Attempt{}, func(ctx context.Context) error { txctx.Rollback(ctx); return nil }, "Unset ", map[string]any{
			"reprise.outcome": "rolled_back",
		}},
		"doomed": {doomedBy(retryable.Deadlock), write, "Error deadlock in statement", map[string]any{
			"reprise.outcome": "rolled_back", "reprise.reason": "deadlock", "reprise.phase": "statement", "error.type": "deadlock",
		}},
		"doomed with a code": {fakedb.Attempt{CommitErr: duplicate}, write, "Error serialization in commit", map[string]any{
			"reprise.outcome": "rolled_back", "reprise.reason": "serialization", "reprise.phase": "commit",
			"error.type": "40001", "db.response.status_code": "40001",
		}},
		"failed": {fakedb.Attempt{}, func(context.Context) error { return fmt.Errorf("ada: %w", errPlain) }, "Error ", map[string]any{
			"reprise.outcome": "rolled_back", "error.type": "*errors.errorString",
		}},
		"failed with a code": {fakedb.Attempt{}, func(context.Context) error { return code("23505") }, "Error ", map[string]any{
			"reprise.outcome": "rolled_back", "error.type": "23505", "db.response.status_code": "23505",
		}},
		"a code of something else": {fakedb.Attempt{}, func(context.Context) error { return number(5) }, "Error ", map[string]any{
			"reprise.outcome": "rolled_back", "error.type": "github.com/reprise-go/reprise/telemetry_test.number",
		}},
		"unknown": {fakedb.Attempt{CommitErr: errPlain, Outcome: txctx.Unknown}, write, "Error commit_unknown in commit", map[string]any{
			"reprise.outcome": "unknown", "reprise.reason": "commit_unknown", "reprise.phase": "commit", "error.type": "commit_unknown",
		}},
		"panic": {fakedb.Attempt{}, func(context.Context) error { panic("x") }, "Error ", map[string]any{
			"reprise.outcome": "rolled_back", "error.type": "*errors.errorString",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			func() {
				defer func() { _ = recover() }()
				_ = b.run(fakedb.New(tt.script), tt.f)
			}()
			span := b.named("transaction attempt")[0]
			tt.want["reprise.attempt.number"] = int64(1)
			if diff := cmp.Diff(tt.want, attributes(t, span)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if status := span.Status().Code.String() + " " + span.Status().Description; status != tt.status {
				t.Errorf("status %q, want %q", status, tt.status)
			}
		})
	}
}

func TestSQLitesCodesAreNumbers(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	tel, err := telemetry.New(telemetry.Config{System: "sqlite", TracerProvider: b.provider})
	if err != nil {
		t.Fatal(err)
	}
	o := txctx.Options{Observe: tel.Observe, AttemptContext: tel.AttemptContext}
	_ = txctx.Run(t.Context(), fakedb.New(), o, func(context.Context) error { return number(517) })
	for _, kv := range b.named("transaction attempt")[0].Attributes() {
		if kv.Key == "db.response.status_code" && kv.Value.AsString() == "517" {
			return
		}
	}
	t.Error("no code")
}

// TestASpanSaysHowLongItWaited: the pause before it, and its turn in the lane. A look-up has
// a span of its own.
func TestASpanSaysHowLongItWaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		lost := fakedb.Attempt{CommitErr: errPlain, Outcome: txctx.Unknown}
		lost.Resolve = func(context.Context) (txctx.Outcome, error) { time.Sleep(time.Second); return txctx.Committed, nil }
		var pause time.Duration
		o := b.options()
		o.Retry = retryable.Policy{}
		o.Observe = func(ctx context.Context, ev txctx.Event) {
			pause += ev.Pause
			if ev.Kind == txctx.AttemptEnded {
				ev.Queued = 2 * time.Second
			}
			b.tel.Observe(ctx, ev)
		}
		if err := txctx.Run(t.Context(), fakedb.New(doomedBy(retryable.Deadlock), lost), o, write); err != nil {
			t.Fatal(err)
		}
		second := b.named("transaction attempt")[1]
		want := map[string]any{
			"reprise.attempt.number": int64(2), "reprise.attempt.pause": pause.Seconds(), "reprise.attempt.queue": 2.0,
			"reprise.outcome": "committed",
		}
		if diff := cmp.Diff(want, attributes(t, second)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		lookup := b.named("outcome lookup")[0]
		if lookup.Parent().SpanID() != second.SpanContext().SpanID() || lookup.EndTime().Sub(lookup.StartTime()) != time.Second {
			t.Errorf("the look-up took %v", lookup.EndTime().Sub(lookup.StartTime()))
		}
		if diff := cmp.Diff(map[string]any{"reprise.outcome": "committed"}, attributes(t, lookup)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestARunInsideAnothersContextKeepsItsHandsOff: a job that a handler leaves behind, and that
// is counted only, does not end the attempt's span.
func TestARunInsideAnothersContextKeepsItsHandsOff(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	other, err := telemetry.New(telemetry.Config{TracerProvider: b.provider})
	if err != nil {
		t.Fatal(err)
	}
	err = b.run(fakedb.New(), func(ctx context.Context) error {
		other.Observe(ctx, txctx.Event{Kind: txctx.AttemptEnded})
		if len(b.spans.Ended()) != 0 {
			t.Error("the span was ended by another Telemetry")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
