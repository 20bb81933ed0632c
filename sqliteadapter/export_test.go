package sqliteadapter

import (
	"context"
	"database/sql/driver"
	"time"
)

// NewImpatient is New with another patience.
func NewImpatient(c driver.Connector, patience time.Duration) *DB {
	return newDB(c, Config{}, patience)
}

// Queue is the queue for the writer's turn.
type Queue struct{ *queue }

func NewQueue(patience time.Duration) Queue { return Queue{newQueue(patience)} }

func (q Queue) Wait(ctx context.Context) (myTurn bool, err error) { return q.wait(ctx) }

func (q Queue) Next() { q.next() }
