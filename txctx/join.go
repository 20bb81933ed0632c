package txctx

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/retryable"
)

// join runs fn inside c's attempt.
func (c *Control) join(ctx context.Context, db DB, fn func(context.Context) error) error {
	if c.run.db != db {
		panic(fmt.Sprintf("txctx: Run on a second database (%T) inside an attempt on another (%T): its commit would be "+
			"repeated by a replay of the outer attempt. Use one database per request and write an outbox row for the other, "+
			"or call it in AfterCommit", db, c.run.db))
	}
	err := fn(ctx)
	if errors.Is(err, retryable.ErrRetry) {
		c.Doom(err, retryable.Statement)
	}
	return err
}

func (c *Control) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}
