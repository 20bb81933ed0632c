package main

import (
	"context"
	"database/sql"
)

// sqlTransaction is a transaction of MySQL or SQLite.
type sqlTransaction struct{ tx *sql.Tx }

func (t sqlTransaction) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t sqlTransaction) insert(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func (t sqlTransaction) queryRow(ctx context.Context, query string, args ...any) row {
	return t.tx.QueryRowContext(ctx, query, args...)
}

func (t sqlTransaction) query(ctx context.Context, query string, args ...any) (rows, error) {
	return t.tx.QueryContext(ctx, query, args...)
}
