package txctx

import (
	"context"
	"log/slog"
	"runtime/debug"
)

// AfterCommit registers fn to be called once, after the attempt has been
// committed: in the order of registration, on the goroutine of Run, outside any
// transaction, when the connection is back in its pool and before the result is
// returned or the answer sent. It is dropped with the attempt, with
// the savepoint it was registered in, and with [Rollback].
//
// fn gets the context that was given to Run, without its cancellation: what has
// been committed is followed up even if the client has left. Set a timeout in fn
// where it may take long. A panic in fn is logged and stops neither the other
// functions nor the answer.
//
// Outside an attempt fn is called at once. After the end of the attempt it is
// dropped. AfterCommit does not survive a crash of the process between COMMIT
// and fn; write an outbox row where that matters.
func AfterCommit(ctx context.Context, fn func(context.Context)) {
	c := controlOf(ctx)
	if c == nil {
		fn(ctx)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.hooks = append(c.hooks, fn)
	}
}

func runHooks(ctx context.Context, log *slog.Logger, hooks []func(context.Context)) {
	if len(hooks) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	for _, fn := range hooks {
		runHook(ctx, log, fn)
	}
}

func runHook(ctx context.Context, log *slog.Logger, fn func(context.Context)) {
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "reprise: AfterCommit function panicked; the transaction is committed",
				"panic", v, "stack", string(debug.Stack()))
		}
	}()
	fn(ctx)
}
