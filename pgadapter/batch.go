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

// Exec implements pgx.BatchResults.
func (b *batch) Exec() (tag pgconn.CommandTag, err error) {
	b.next++
	if err := b.w.lock(); err != nil {
		return tag, err
	}
	defer func() { err = b.w.leave(b.ctx, err) }()
	return b.BatchResults.Exec()
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
	inner, err := b.BatchResults.Query()
	return &rows{Rows: inner, w: b.w, ctx: b.ctx}, err
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
	return b.BatchResults.Close()
}

// finish closes a batch that was left open, for the engine. Its callbacks do not
// run: their handler has returned.
func (b *batch) finish() error { return b.BatchResults.Close() }
