package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Worker delivers messages, one after the other.
type Worker struct {
	DB *pgadapter.DB

	// Deliver delivers a message. Its context ends with the attempt, not when the worker
	// is told to stop. With an error the message is put off.
	Deliver func(ctx context.Context, m Message) error

	// Poll is how often to look while there is nothing to do. 1 s
	Poll time.Duration

	// Wake makes it look at once, see [Listen]. none
	Wake <-chan struct{}

	// Observe is told of attempts and replays, for telemetry. none
	Observe func(context.Context, txctx.Event)

	Log *slog.Logger
}

// Run works until ctx ends. Then it finishes the delivery that is under way, if any, and
// returns; if the database is down it returns at once.
func (w *Worker) Run(ctx context.Context) {
	poll := w.Poll
	if poll == 0 {
		poll = time.Second
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for ctx.Err() == nil {
		found, err := w.next(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.ErrorContext(ctx, "outbox", "error", err)
		}
		if found && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-w.Wake:
		}
	}
}

// next delivers one message, and reports whether there was one.
func (w *Worker) next(ctx context.Context) (found bool, err error) {
	policy := retryable.Persistent()
	policy.AttemptTimeout = time.Minute // in a network that has gone silent
	o := txctx.Options{
		Retry:      policy,
		Idempotent: true, // to deliver it again is harmless: the receiver knows the id
		Stopping:   ctx.Done(),
		Observe:    w.Observe,
		Logger:     w.Log,
	}
	err = txctx.Run(context.WithoutCancel(ctx), w.DB, o, func(ctx context.Context) error {
		m, err := take(ctx)
		found = !errors.Is(err, pgx.ErrNoRows)
		switch {
		case !found:
			return nil
		case err != nil:
			return err
		}
		if err := w.Deliver(ctx, m); err != nil {
			w.Log.WarnContext(ctx, "outbox: message put off", "id", m.ID, "error", err)
			return later(ctx, m)
		}
		return done(ctx, m)
	})
	return found, err
}
