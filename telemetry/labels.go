package telemetry

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// labels are the attributes of a measurement, made once so that measuring allocates
// nothing.
type labels struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

func makeLabels(attrs ...attribute.KeyValue) labels {
	set := metric.WithAttributeSet(attribute.NewSet(attrs...))
	return labels{[]metric.AddOption{set}, []metric.RecordOption{set}}
}

// result is what a request came to, as its metric says it.
type result uint8

const (
	committed  result = iota
	rolledBack        // and answered by the handler
	stored            // answered by what was kept with its key
	refused           // for its key
	exhausted
	unknown
	canceled // the client left
	timeout
	failed

	results
)

var resultNames = [results]string{
	"committed", "rolled_back", "stored", "refused", "exhausted", "unknown", "canceled", "timeout", "failed",
}

func resultOf(ctx context.Context, ev *txctx.Event) result {
	switch {
	case ev.Outcome == txctx.Committed:
		return committed
	case ev.Outcome == txctx.Unknown:
		return unknown
	case ev.Err == nil && ev.Stored:
		return stored
	case ev.Err == nil:
		return rolledBack
	case errors.Is(ev.Err, txctx.ErrKeyInUse), errors.Is(ev.Err, txctx.ErrKeyReused):
		return refused
	case errors.Is(ev.Err, txctx.ErrAttemptTimeout), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return timeout
	case ctx.Err() != nil:
		return canceled
	case isExhausted(ev.Err):
		return exhausted
	}
	return failed
}

func isExhausted(err error) bool {
	_, ok := errors.AsType[*retryable.ExhaustedError](err)
	return ok
}

// Whys are the words for what ended the replays: those of retryable.ExhaustedError, but
// for what users add to them.
const (
	whyOther = iota
	whyReplays
	whyTime
	whyBudget
	whyDown
	whyStopping
	whyDisabled
	whyContext

	whys
)

var whyNames = [whys]string{"other", "replays_used_up", "out_of_time", "budget_used_up", "database_down", "stopping", "replay_disabled", "context_ended"}

func whyOf(why string) int {
	switch {
	case why == "replays used up":
		return whyReplays
	case why == "out of time":
		return whyTime
	case why == "budget used up":
		return whyBudget
	case why == "database down":
		return whyDown
	case why == "stopping":
		return whyStopping
	case strings.HasPrefix(why, "replay disabled"):
		return whyDisabled
	case why == "context ended":
		return whyContext
	}
	return whyOther
}

// Sizes of tables. A number beyond has the labels of zero.
const (
	reasons  = int(retryable.CommitUnknown) + 1
	phases   = int(retryable.Commit) + 1
	outcomes = int(txctx.Unknown) + 1
	gaps     = int(txctx.GapBody) + 1
)

// within returns i, or 0 where a table of n has no i.
func within(i, n int) int {
	if i >= n {
		return 0
	}
	return i
}
