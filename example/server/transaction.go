package main

import (
	"context"
	"database/sql"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/sqladapter"
)

// transaction is what the rest of the program knows of databases. Statements are
// in the SQL that PostgreSQL, MySQL and SQLite have in common, with ? for their
// arguments.
type transaction interface {
	// exec runs a statement and returns how many rows it applied to.
	exec(ctx context.Context, query string, args ...any) (rows int64, err error)

	// insert runs an INSERT of one row and returns the id the database gave it.
	insert(ctx context.Context, query string, args ...any) (id int64, err error)

	// queryRow runs a query for one row. Where there is none, its Scan returns
	// errNoRow.
	queryRow(ctx context.Context, query string, args ...any) row

	// query runs a query for any number of rows. Close them before the next
	// statement; see collect.
	query(ctx context.Context, query string, args ...any) (rows, error)
}

type row interface{ Scan(dest ...any) error }

type rows interface {
	row
	Next() bool
	Err() error
	Close() error
}

// errNoRow is what a query for one row answers where there is none. pgx's own
// error for it is this one, too.
var errNoRow = sql.ErrNoRows

// tx returns the transaction of the attempt that ctx belongs to, on whatever
// database that is.
func tx(ctx context.Context) transaction {
	if t, ok := pgadapter.From(ctx); ok {
		return pgxTransaction{t}
	}
	return sqlTransaction{sqladapter.Tx(ctx)} // of MySQL and SQLite
}

// collect returns all rows of a query.
func collect[V any](ctx context.Context, scan func(row) (V, error), query string, args ...any) ([]V, error) {
	found, err := tx(ctx).query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // what matters is in Err
	all := []V{}
	for found.Next() {
		v, err := scan(found)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, found.Err()
}
