package txctx

import (
	"context"
	"time"
)

const whyStopping = "stopping"

// stopping reports whether Options.Stopping is closed.
func (r *run) stopping() bool { return ended(context.Background(), r.o.Stopping) }

// untilStopping returns a context to wait in, which ends with ctx, and when
// Options.Stopping is closed. Call end after the wait.
func (r *run) untilStopping(ctx context.Context) (_ context.Context, end func()) {
	if r.o.Stopping == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-r.o.Stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// sleep waits for d and reports true, or false as soon as ctx ends or Options.Stopping is
// closed.
func (r *run) sleep(ctx context.Context, d time.Duration) bool {
	return sleepUnless(ctx, r.o.Stopping, d)
}
