// Package outbox sends messages to other services, exactly if the request that wrote
// them was committed: the worker of docs/jobs.md.
//
// A handler calls [Send], which writes a row in its transaction; no network is touched. A
// [Worker] takes a row, delivers it and deletes it, in a transaction of its own. Where
// that transaction is lost between delivery and COMMIT, the row is still there and is
// delivered again: at least once. The id of the row goes along as Idempotency-Key, and a
// receiver that keeps keys, such as one behind middleware.Config.Keys, sees it once.
//
// Any number of workers run side by side, in one process or in many: a row that one has
// locked is skipped by the others. They deliver in the order of the rows as long as there
// is one worker and nothing fails; promise no order to receivers.
//
// The row is locked, and a connection taken, while it is delivered. Give deliveries a
// short timeout, and idle_in_transaction_session_timeout a longer one.
package outbox

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/pgadapter"
)

// Message is a row of the outbox.
type Message struct {
	ID       string
	URL      string
	Body     []byte
	Failures int // deliveries that were refused so far
}

// Channel is the one that NOTIFY tells of new messages.
const Channel = "outbox"

// Send writes a message in the transaction of ctx. It is delivered after that was
// committed, and forgotten with it otherwise. Workers that listen hear of it at once.
// NOTIFY makes commits wait for each other; leave it out where there are very many, and
// let the workers poll.
func Send(ctx context.Context, url string, body []byte) error {
	b := new(pgx.Batch)
	b.Queue(`insert into outbox (url, body) values ($1, $2)`, url, body)
	b.Queue(`notify ` + Channel)
	return pgadapter.Tx(ctx).SendBatch(ctx, b).Close()
}

// take locks the message that has been due for longest and that nobody else has, for as
// long as the transaction of ctx lasts. It returns pgx.ErrNoRows where there is none.
func take(ctx context.Context) (Message, error) {
	rows, err := pgadapter.Tx(ctx).Query(ctx, `select id::text, url, body, failures from outbox
		where due <= now() order by due, seq limit 1 for update skip locked`)
	if err != nil {
		return Message{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Message])
}

// done deletes a message that was delivered.
func done(ctx context.Context, m Message) error {
	_, err := pgadapter.Tx(ctx).Exec(ctx, `delete from outbox where id = $1`, m.ID)
	return err
}

// later puts a message off that was refused: for a second, and twice as long each time, up
// to an hour.
func later(ctx context.Context, m Message) error {
	_, err := pgadapter.Tx(ctx).Exec(ctx, `update outbox set failures = failures + 1,
		due = now() + make_interval(secs => least(power(2, least(failures, 12)), 3600)) where id = $1`, m.ID)
	return err
}
