package outbox

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Listen sends to wake whenever there are new messages, until ctx ends, on a connection
// of its own. One that is lost is made again after a second; until then, and for what was
// missed, the workers poll. wake should have a buffer of one; Listen never waits for it.
func Listen(ctx context.Context, url string, wake chan<- struct{}) {
	for ctx.Err() == nil {
		_ = listen(ctx, url, wake) // it was lost
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func listen(ctx context.Context, url string, wake chan<- struct{}) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `listen `+Channel); err != nil {
		return err
	}
	for {
		select {
		case wake <- struct{}{}: // at first for what was missed
		default:
		}
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
