package conformance

import (
	"context"
	"database/sql"
	"errors"
)

// Tx is a transaction as its handler sees it, over whatever it is made of. The errors
// are those of the adapter.
type Tx interface {
	Exec(ctx context.Context, query string, args ...any) error

	// Each calls row with the only column of each row.
	Each(ctx context.Context, query string, row func(n int) error, args ...any) error

	// Savepoint runs fn in a savepoint, and rolls back to it if fn fails.
	Savepoint(ctx context.Context, fn func(Tx) error) error

	// Leave leaves a query open after its first row.
	Leave(ctx context.Context, query string) error

	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

// SQL returns tx as a Tx.
func SQL(tx *sql.Tx) Tx { return sqlTx{tx} }

type sqlTx struct{ *sql.Tx }

func (t sqlTx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := t.ExecContext(ctx, query, args...)
	return err
}

func (t sqlTx) Each(ctx context.Context, query string, row func(int) error, args ...any) error {
	rows, err := t.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return err
		}
		if err := row(n); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

func (t sqlTx) Savepoint(ctx context.Context, fn func(Tx) error) error {
	if err := t.Exec(ctx, `savepoint conformance`); err != nil {
		return err
	}
	if err := fn(t); err != nil {
		return errors.Join(err, t.Exec(ctx, `rollback to savepoint conformance`))
	}
	return t.Exec(ctx, `release savepoint conformance`)
}

func (t sqlTx) Leave(ctx context.Context, query string) error {
	rows, err := t.QueryContext(ctx, query) //nolint:sqlclosecheck // that is the point
	if err != nil {
		return err
	}
	rows.Next()
	return rows.Err()
}

func (t sqlTx) Commit(context.Context) error   { return t.Tx.Commit() }
func (t sqlTx) Rollback(context.Context) error { return t.Tx.Rollback() }
