package sqlfault

import (
	"database/sql/driver"
	"fmt"
	"reflect"
)

// rawRows is what rows of modernc.org/sqlite are.
type rawRows interface {
	driver.Rows
	driver.RowsColumnTypeScanType
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
}

var _ rawRows = (*rows)(nil)

// rows are those of a connection that can be cut. What they know of their columns
// is the zero value after a cut.
type rows struct {
	conn    *conn
	inner   rawRows
	columns []string
}

// query runs f, which makes rows, inside of the driver.
func (c *conn) query(f func() (driver.Rows, error)) (driver.Rows, error) {
	wrapped := &rows{conn: c}
	err := c.call(func() error {
		inner, err := f()
		if err != nil {
			return err
		}
		r, ok := inner.(rawRows)
		if !ok {
			_ = inner.Close()
			return fmt.Errorf("sqlfault: %T is no rows of modernc.org/sqlite", inner)
		}
		c.keep(r)
		wrapped.inner, wrapped.columns = r, r.Columns()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return wrapped, nil
}

// Columns implements [driver.Rows].
func (r *rows) Columns() []string { return r.columns }

// Close implements [driver.Rows].
func (r *rows) Close() error { return r.conn.release(r.inner) }

// Next implements [driver.Rows].
func (r *rows) Next(dest []driver.Value) error {
	return r.conn.call(func() error { return r.inner.Next(dest) })
}

// ask runs f, which looks at the columns, unless the connection has been cut.
func (r *rows) ask(f func()) {
	_ = r.conn.call(func() error { f(); return nil })
}

// ColumnTypeScanType implements [driver.RowsColumnTypeScanType].
func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	t := reflect.TypeFor[any]()
	r.ask(func() { t = r.inner.ColumnTypeScanType(i) })
	return t
}

// ColumnTypeDatabaseTypeName implements [driver.RowsColumnTypeDatabaseTypeName].
func (r *rows) ColumnTypeDatabaseTypeName(i int) (name string) {
	r.ask(func() { name = r.inner.ColumnTypeDatabaseTypeName(i) })
	return name
}

// ColumnTypeLength implements [driver.RowsColumnTypeLength].
func (r *rows) ColumnTypeLength(i int) (length int64, ok bool) {
	r.ask(func() { length, ok = r.inner.ColumnTypeLength(i) })
	return length, ok
}

// ColumnTypeNullable implements [driver.RowsColumnTypeNullable].
func (r *rows) ColumnTypeNullable(i int) (nullable, ok bool) {
	r.ask(func() { nullable, ok = r.inner.ColumnTypeNullable(i) })
	return nullable, ok
}

// ColumnTypePrecisionScale implements [driver.RowsColumnTypePrecisionScale].
func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	r.ask(func() { precision, scale, ok = r.inner.ColumnTypePrecisionScale(i) })
	return precision, scale, ok
}
