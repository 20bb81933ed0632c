package pgadapter

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// rows is pgx's rows, with every error seen on the way. Like pgx's it belongs to
// one goroutine; only finish is called by another, after the attempt.
type rows struct {
	pgx.Rows
	w     *work
	ctx   context.Context
	flush *flush // they came with, nil if none
	whole bool   // they are all of its results that are the handler's
	err   error
	done  bool
}

// Next implements pgx.Rows.
func (r *rows) Next() bool {
	if r.done {
		return false
	}
	if err := r.w.lock(); err != nil {
		r.refuse(err)
		return false
	}
	defer r.w.mu.Unlock()
	if r.Rows.Next() {
		return true
	}
	r.settle()
	return false
}

// Scan implements pgx.Rows.
func (r *rows) Scan(dest ...any) error {
	if err := r.w.lock(); err != nil {
		r.refuse(err)
		return err
	}
	defer r.w.mu.Unlock()
	if r.done && r.err != nil {
		return r.err // pgx would panic
	}
	err := r.Rows.Scan(dest...)
	if err != nil { // pgx has closed the rows
		r.settle()
	}
	return err
}

// Values implements pgx.Rows.
func (r *rows) Values() ([]any, error) {
	if err := r.w.lock(); err != nil {
		r.refuse(err)
		return nil, err
	}
	defer r.w.mu.Unlock()
	if r.done && r.err != nil {
		return nil, r.err
	}
	values, err := r.Rows.Values()
	if err != nil {
		r.settle()
	}
	return values, err
}

// Close implements pgx.Rows.
func (r *rows) Close() {
	if r.done {
		return
	}
	if err := r.w.lockDoomed(); err != nil {
		r.refuse(err)
		return
	}
	defer r.w.mu.Unlock()
	r.Rows.Close()
	r.settle()
}

// Err implements pgx.Rows.
func (r *rows) Err() error { return r.err }

// settle judges the error of rows that pgx has closed. Call it under w.mu.
func (r *rows) settle() {
	if r.done {
		return
	}
	r.done = true
	r.err = r.w.judge(r.ctx, r.outcome())
	if r.w.open == r {
		r.w.open = nil
	}
}

// outcome is the error of rows that pgx has closed.
func (r *rows) outcome() error {
	err := r.Rows.Err()
	switch {
	case r.flush == nil:
		return err
	case !r.whole:
		return r.flush.fix(err)
	}
	r.flush.spy.toldByPgx()
	err = r.flush.end(err)
	r.flush.spy.end(r.CommandTag(), err)
	return err
}

// fail ends rows that never began.
func (r *rows) fail(err error) { r.done, r.err = true, err }

// refuse stops reading without touching the connection. errBusy passes, whatever
// else stays.
func (r *rows) refuse(err error) {
	r.err = err
	r.done = r.done || !errors.Is(err, errBusy)
}

// finish closes rows that were left open, for the engine.
func (r *rows) finish() error {
	r.Rows.Close()
	return r.outcome()
}

// row is the first of its rows.
type row struct{ r *rows }

// Scan implements pgx.Row.
func (w row) Scan(dest ...any) error {
	if err := w.r.Err(); err != nil {
		return err
	}
	defer w.r.Close() // a panicking Scan method must not leave the connection busy
	for _, d := range dest {
		if _, ok := d.(*pgtype.DriverBytes); ok {
			return errors.New("cannot scan into *pgtype.DriverBytes from QueryRow") // as pgx does
		}
	}
	if !w.r.Next() {
		if err := w.r.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	_ = w.r.Scan(dest...) // kept by the rows
	w.r.Close()
	return w.r.Err()
}

// failedRows are rows, or a row, that there never were.
type failedRows struct{ err error }

func (f failedRows) Close()                                       {}
func (f failedRows) Err() error                                   { return f.err }
func (f failedRows) CommandTag() pgconn.CommandTag                { return pgconn.CommandTag{} }
func (f failedRows) FieldDescriptions() []pgconn.FieldDescription { return nil }
func (f failedRows) Next() bool                                   { return false }
func (f failedRows) Scan(...any) error                            { return f.err }
func (f failedRows) Values() ([]any, error)                       { return nil, f.err }
func (f failedRows) RawValues() [][]byte                          { return nil }
func (f failedRows) Conn() *pgx.Conn                              { return nil }
func (f failedRows) TypeMap() *pgtype.Map                         { return nil }
