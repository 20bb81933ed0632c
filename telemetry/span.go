package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// The attributes that the semantic conventions have no names for.
const (
	keyNumber  = attribute.Key("reprise.attempt.number")
	keyPause   = attribute.Key("reprise.attempt.pause") // before it, in seconds
	keyQueue   = attribute.Key("reprise.attempt.queue") // in its lane, in seconds
	keyReason  = attribute.Key("reprise.reason")
	keyPhase   = attribute.Key("reprise.phase")
	keyOutcome = attribute.Key("reprise.outcome")
)

// attempt is the context of one attempt, and what is known of it.
type attempt struct {
	context.Context // with span
	key             attemptKey
	span            trace.Span
	pause           atomic.Int64 // until the next one
}

// attemptKey is the key of an attempt in its context.
type attemptKey struct{ t *Telemetry }

// Value implements [context.Context].
func (a *attempt) Value(key any) any {
	if key == any(a.key) {
		return a
	}
	return a.Context.Value(key)
}

// AttemptContext is for the AttemptContext of middleware.Config and of [txctx.Options]. It
// begins the span of an attempt, below the span in ctx and linked to the attempt before,
// and puts it into the context that the attempt runs in, so that spans of statements are
// below it. It needs Observe in the same place, which ends the span.
func (t *Telemetry) AttemptContext(ctx, before context.Context, number int) context.Context {
	attrs := append(make([]attribute.KeyValue, 0, 4), t.database...)
	attrs = append(attrs, keyNumber.Int(number))
	var links []trace.Link
	if last := t.attemptOf(before); last != nil {
		attrs = append(attrs, keyPause.Float64(time.Duration(last.pause.Load()).Seconds()))
		links = []trace.Link{{SpanContext: last.span.SpanContext()}}
	}
	ctx, span := t.tracer.Start(ctx, "transaction attempt", trace.WithAttributes(attrs...), trace.WithLinks(links...))
	return &attempt{Context: ctx, key: attemptKey{t}, span: span}
}

// attemptOf returns what AttemptContext made ctx of, nil for another's.
func (t *Telemetry) attemptOf(ctx context.Context) *attempt {
	if ctx == nil {
		return nil
	}
	a, _ := ctx.Value(attemptKey{t}).(*attempt)
	return a
}

// trace does what an event does to the span of its attempt.
func (t *Telemetry) trace(ctx context.Context, ev *txctx.Event) {
	a := t.attemptOf(ctx)
	if a == nil {
		return
	}
	switch ev.Kind {
	case txctx.AttemptEnded:
		if a.span.IsRecording() {
			t.describe(a.span, ev)
		}
		a.span.End()
	case txctx.ReplayScheduled:
		a.pause.Store(int64(ev.Pause))
	case txctx.OutcomeLookedUp:
		t.lookedUp(ctx, ev)
	}
}

// describe says what became of an attempt. The error's text is left to the log: it may
// quote values.
func (t *Telemetry) describe(span trace.Span, ev *txctx.Event) {
	attrs := append(make([]attribute.KeyValue, 0, 6), keyOutcome.String(ev.Outcome.String()))
	if ev.Queued > 0 {
		attrs = append(attrs, keyQueue.Float64(ev.Queued.Seconds()))
	}
	status := ""
	if ev.Reason != retryable.None {
		attrs = append(attrs, keyReason.String(ev.Reason.String()), keyPhase.String(ev.Phase.String()))
		status = ev.Reason.String() + " in " + ev.Phase.String()
	}
	if ev.Err != nil {
		attrs = t.appendError(attrs, ev.Err, ev.Reason)
		span.SetStatus(codes.Error, status)
	}
	span.SetAttributes(attrs...)
}

// lookedUp is the span of finding out what became of a COMMIT.
func (t *Telemetry) lookedUp(ctx context.Context, ev *txctx.Event) {
	end := time.Now()
	_, span := t.tracer.Start(ctx, "outcome lookup", trace.WithTimestamp(end.Add(-ev.Duration)), trace.WithAttributes(t.database...))
	span.SetAttributes(keyOutcome.String(ev.Outcome.String()))
	if ev.Err != nil {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(t.appendError(nil, ev.Err, retryable.ReasonOf(ev.Err))...)
	}
	span.End(trace.WithTimestamp(end))
}
