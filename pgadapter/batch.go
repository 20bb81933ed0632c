package pgadapter

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// batch is pgx's batch results, with every error seen on the way. It runs the
// callbacks itself, so that they read their results through it, too.
type batch struct {
	pgx.BatchResults
	w         *work
	ctx       context.Context
	flush     *flush                         // they came with, nil if none
	last      pgx.Rows                       // that were asked for
	bad       bool                           // a result was an error
	callbacks []func(pgx.BatchResults) error // nil where there is none
	next      int                            // the next one
	err       error                          // of a callback
	closed    bool
}

// takeCallbacks takes the callbacks off b, which is sent only once.
func takeCallbacks(b *pgx.Batch) []func(pgx.BatchResults) error {
	fns := make([]func(pgx.BatchResults) error, len(b.QueuedQueries))
	for i, q := range b.QueuedQueries {
		fns[i], q.Fn = q.Fn, nil
	}
	return fns
}

// Tx returns nil: the transaction is not the batch's.
func (b *batch) Tx() pgx.Tx { return nil }

// Exec implements pgx.BatchResults.
func (b *batch) Exec() (tag pgconn.CommandTag, err error) {
	b.next++
	if err := b.w.lock(); err != nil {
		return tag, err
	}
	defer func() { err = b.w.leave(b.ctx, err) }()
	tag, err = b.BatchResults.Exec()
	return tag, b.seen(err)
}

// seen notes an error of a result, and returns what it is by itself.
func (b *batch) seen(err error) error {
	b.bad = b.bad || err != nil
	if b.flush == nil {
		return err
	}
	return b.flush.fix(err)
}

// Query implements pgx.BatchResults.
func (b *batch) Query() (pgx.Rows, error) {
	r, err := b.query()
	if err != nil && r == nil {
		return failedRows{err}, err
	}
	return r, err
}

// QueryRow implements pgx.BatchResults.
func (b *batch) QueryRow() pgx.Row {
	r, err := b.query()
	if err != nil && r == nil {
		return failedRows{err}
	}
	return row{r}
}

func (b *batch) query() (r *rows, err error) {
	b.next++
	if err := b.w.lock(); err != nil {
		return nil, err
	}
	defer func() {
		err = b.w.leave(b.ctx, err)
		if err != nil && r != nil {
			r.fail(err)
		}
	}()
	b.last, err = b.BatchResults.Query()
	return &rows{Rows: b.last, w: b.w, ctx: b.ctx, flush: b.flush}, b.seen(err)
}

// Close implements pgx.BatchResults: it reads what is left, running the callbacks
// up to the first that fails.
func (b *batch) Close() (err error) {
	if b.closed {
		return b.err
	}
	for b.err == nil && b.next < len(b.callbacks) {
		fn := b.callbacks[b.next]
		if fn == nil {
			if _, err := b.Exec(); err != nil {
				break // Close of pgx knows it, too
			}
			continue
		}
		before := b.next
		b.err = fn(b)
		if b.next == before {
			b.next++ // it read nothing
		}
	}
	b.closed = true
	if err := b.w.lockDoomed(); err != nil {
		b.err = err
		return err
	}
	defer func() {
		err = b.w.leave(b.ctx, err)
		if b.err == nil {
			b.err = err
		}
		err = b.err
	}()
	if b.w.open == b {
		b.w.open = nil
	}
	return b.end()
}

// end closes pgx's results.
func (b *batch) end() error {
	if b.flush == nil {
		return b.BatchResults.Close()
	}
	if b.last != nil {
		b.last.Close()
		b.bad = b.bad || b.last.Err() != nil
	}
	if b.bad || b.next < len(b.callbacks) { // the answer is not the next
		b.flush.asks = false
	}
	return b.flush.end(nil)
}

// finish closes a batch that was left open, for the engine. Its callbacks do not
// run: their handler has returned.
func (b *batch) finish() error {
	for !b.bad && b.next < len(b.callbacks) {
		_, err := b.BatchResults.Exec()
		b.bad = err != nil
		b.next++
	}
	return b.end()
}
