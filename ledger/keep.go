package ledger

import (
	"context"
	"log/slog"
	"time"
)

// Keep purges the ledger every so often, by purge, which is PurgeLedger of an adapter.
// It returns when ctx ends. The first time is after one interval: servers that restart
// all at once need not purge all at once. What fails is logged to log, which may be nil
// for slog.Default(), and tried again next time. Keep panics if every is not positive.
func Keep(ctx context.Context, every time.Duration, purge func(context.Context) (int64, error), log *slog.Logger) {
	if every <= 0 {
		panic("ledger: Keep: every is not positive")
	}
	if log == nil {
		log = slog.Default()
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		n, err := purge(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "reprise: the ledger could not be purged", "error", err)
		default:
			log.DebugContext(ctx, "reprise: the ledger was purged", "rows", n)
		}
	}
}
