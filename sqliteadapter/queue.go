package sqliteadapter

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// patience bounds the wait for the writer before, because a handler that begins a
// second transaction within its own waits for itself. SQLite's busy_timeout comes
// after it.
const patience = 5 * time.Second

var errImpatient = errors.New("sqliteadapter: another write transaction of this process has not ended for so long " +
	"that this one did not wait for it any more: does a handler begin a second transaction within its own?")

// queue lets one writer after another begin, in the order they came.
type queue struct {
	token    chan struct{} // holds one while somebody writes; channels are first in, first out
	patience time.Duration
}

func newQueue(patience time.Duration) *queue {
	return &queue{token: make(chan struct{}, 1), patience: patience}
}

// wait waits for the turn of the caller, who then has to call next. It is nobody's
// turn when patience has run out, and the caller must fight for the lock.
func (q *queue) wait(ctx context.Context) (myTurn bool, err error) {
	select {
	case q.token <- struct{}{}:
		return true, nil
	default:
	}
	timer := time.NewTimer(q.patience)
	defer timer.Stop()
	select {
	case q.token <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return false, fmt.Errorf("sqliteadapter: waiting for another write transaction to end: %w", context.Cause(ctx))
	case <-timer.C:
		return false, nil
	}
}

// next ends the turn.
func (q *queue) next() { <-q.token }
