package sqladapter

import (
	"context"
	"database/sql/driver"
	"io"
	"reflect"
)

// rows wraps the driver's rows: errors come late, in the middle of a stream or
// when it is closed. What the driver cannot say about its columns is answered as
// database/sql itself does.
type rows struct {
	inner driver.Rows
	w     *work
	ctx   context.Context
	ended bool // the result set that is being read
}

var (
	_ driver.RowsNextResultSet              = (*rows)(nil)
	_ driver.RowsColumnTypeScanType         = (*rows)(nil)
	_ driver.RowsColumnTypeDatabaseTypeName = (*rows)(nil)
	_ driver.RowsColumnTypeLength           = (*rows)(nil)
	_ driver.RowsColumnTypeNullable         = (*rows)(nil)
	_ driver.RowsColumnTypePrecisionScale   = (*rows)(nil)
)

func (r *rows) Columns() []string { return r.inner.Columns() }

func (r *rows) Close() error {
	r.w.underWay.Add(1)
	var err error
	if r.w.db.cfg.DrainRows {
		err = r.drain()
	}
	if closeErr := r.inner.Close(); err == nil {
		err = closeErr
	}
	return r.w.leave(r.ctx, "", err)
}

// drain reads what is left.
func (r *rows) drain() error {
	for {
		for !r.ended {
			if err := r.next(nil); err != nil && !r.ended {
				return err
			}
		}
		switch err := r.nextResultSet(); err {
		case nil:
		case io.EOF: //nolint:errorlint // driver's contract
			return nil
		default:
			return err
		}
	}
}

func (r *rows) Next(dest []driver.Value) error {
	if doom := r.w.c.Doomed(); doom != nil {
		return doom
	}
	r.w.underWay.Add(1)
	return r.w.leave(r.ctx, "", r.next(dest))
}

func (r *rows) next(dest []driver.Value) error {
	if r.ended { // drivers read on, into the next result set
		return io.EOF
	}
	err := r.inner.Next(dest)
	r.ended = err == io.EOF //nolint:errorlint // driver's contract
	return err
}

func (r *rows) HasNextResultSet() bool {
	n, ok := r.inner.(driver.RowsNextResultSet)
	return ok && n.HasNextResultSet()
}

func (r *rows) NextResultSet() error {
	r.w.underWay.Add(1)
	return r.w.leave(r.ctx, "", r.nextResultSet())
}

func (r *rows) nextResultSet() error {
	n, ok := r.inner.(driver.RowsNextResultSet)
	if !ok {
		return io.EOF
	}
	err := n.NextResultSet()
	r.ended = err != nil
	return err
}

func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if c, ok := r.inner.(driver.RowsColumnTypeScanType); ok {
		return c.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if c, ok := r.inner.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return c.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

func (r *rows) ColumnTypeLength(i int) (length int64, ok bool) {
	if c, ok := r.inner.(driver.RowsColumnTypeLength); ok {
		return c.ColumnTypeLength(i)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if c, ok := r.inner.(driver.RowsColumnTypeNullable); ok {
		return c.ColumnTypeNullable(i)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if c, ok := r.inner.(driver.RowsColumnTypePrecisionScale); ok {
		return c.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}
