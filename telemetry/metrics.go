package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// meters are the instruments, and the labels they are used with.
type meters struct {
	requests  metric.Int64Counter
	replays   metric.Int64Counter
	exhausted metric.Int64Counter
	attempts  metric.Int64Histogram
	held      metric.Int64Histogram
	pause     metric.Float64Histogram
	queue     metric.Float64Histogram
	lookup    metric.Float64Histogram

	plain     labels
	byResult  [results][gaps]labels
	byReason  [reasons]labels
	byPhase   [reasons][phases]labels
	byWhy     [whys][reasons]labels
	byOutcome [outcomes]labels
}

var (
	attemptBuckets = []float64{1, 2, 3, 4, 5, 6, 8, 12, 20, 50}
	secondBuckets  = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	byteBuckets    = []float64{0, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20}
)

// make makes the instruments and labels.
func (m *meters) make(meter metric.Meter, database []attribute.KeyValue) error {
	m.makeLabels(database)
	var errs [8]error
	m.requests, errs[0] = meter.Int64Counter("reprise.requests", metric.WithUnit("{request}"),
		metric.WithDescription("Requests by what they came to, and whether replay protected them to the end."))
	m.replays, errs[1] = meter.Int64Counter("reprise.replays", metric.WithUnit("{replay}"),
		metric.WithDescription("Replays by why the attempt before was doomed, and where."))
	m.exhausted, errs[2] = meter.Int64Counter("reprise.exhausted", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that were given up, by what ended their replays and why the last attempt was doomed."))
	m.attempts, errs[3] = meter.Int64Histogram("reprise.request.attempts", metric.WithUnit("{attempt}"),
		metric.WithDescription("Attempts that a request needed."), metric.WithExplicitBucketBoundaries(attemptBuckets...))
	m.held, errs[4] = meter.Int64Histogram("reprise.request.held", metric.WithUnit("By"),
		metric.WithDescription("Bytes of request and response that were kept for replay."), metric.WithExplicitBucketBoundaries(byteBuckets...))
	m.pause, errs[5] = meter.Float64Histogram("reprise.replay.pause", metric.WithUnit("s"),
		metric.WithDescription("Back-off before a replay."), metric.WithExplicitBucketBoundaries(secondBuckets...))
	m.queue, errs[6] = meter.Float64Histogram("reprise.lane.wait", metric.WithUnit("s"),
		metric.WithDescription("What attempts waited for their turn in a lane, if they had to."), metric.WithExplicitBucketBoundaries(secondBuckets...))
	m.lookup, errs[7] = meter.Float64Histogram("reprise.outcome.lookup.duration", metric.WithUnit("s"),
		metric.WithDescription("Finding out what became of a COMMIT without an answer."), metric.WithExplicitBucketBoundaries(secondBuckets...))
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	for r := range results { // rare ones are seen to rise from zero when they come
		m.requests.Add(context.Background(), 0, m.byResult[r][txctx.NoGap].add...)
	}
	return nil
}

func (m *meters) makeLabels(database []attribute.KeyValue) {
	with := func(attrs ...attribute.KeyValue) labels { return makeLabels(append(attrs, database...)...) }
	m.plain = with()
	for r := range results {
		for g := range gaps {
			gap := attribute.String("reprise.gap", txctx.Gap(g).String())
			m.byResult[r][g] = with(attribute.String("reprise.result", resultNames[r]), gap)
		}
	}
	for r := range reasons {
		reason := keyReason.String(retryable.Reason(r).String())
		m.byReason[r] = with(reason)
		for p := range phases {
			m.byPhase[r][p] = with(reason, keyPhase.String(retryable.Phase(p).String()))
		}
		for w := range whys {
			m.byWhy[w][r] = with(attribute.String("reprise.why", whyNames[w]), reason)
		}
	}
	for o := range outcomes {
		m.byOutcome[o] = with(keyOutcome.String(txctx.Outcome(o).String()))
	}
}

// observe counts.
func (m *meters) observe(ctx context.Context, ev *txctx.Event) {
	reason := within(int(ev.Reason), reasons)
	switch ev.Kind {
	case txctx.AttemptStarted:
		if ev.Attempt > 1 {
			m.replays.Add(ctx, 1, m.byPhase[reason][within(int(ev.Phase), phases)].add...)
		}
	case txctx.AttemptEnded:
		if ev.Queued > 0 {
			m.queue.Record(ctx, ev.Queued.Seconds(), m.plain.record...)
		}
	case txctx.ReplayScheduled:
		m.pause.Record(ctx, ev.Pause.Seconds(), m.byReason[reason].record...)
	case txctx.OutcomeLookedUp:
		m.lookup.Record(ctx, ev.Duration.Seconds(), m.byOutcome[within(int(ev.Outcome), outcomes)].record...)
	case txctx.RequestFinished:
		m.requests.Add(ctx, 1, m.byResult[resultOf(ctx, ev)][within(int(ev.Gap), gaps)].add...)
		m.attempts.Record(ctx, int64(ev.Attempt), m.plain.record...)
		m.held.Record(ctx, ev.Held, m.plain.record...)
		m.gaveUp(ctx, ev)
	}
}

// gaveUp counts a request that was given up.
func (m *meters) gaveUp(ctx context.Context, ev *txctx.Event) {
	if e, ok := errors.AsType[*retryable.ExhaustedError](ev.Err); ok {
		reason := retryable.None
		if n := len(e.Errs); n > 0 {
			reason = retryable.ReasonOf(e.Errs[n-1])
		}
		m.exhausted.Add(ctx, 1, m.byWhy[whyOf(e.Why)][within(int(reason), reasons)].add...)
	}
}
