package torture

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Tx is a request's transaction, whatever it is made of. Parameters are written as ?.
type Tx interface {
	Exec(ctx context.Context, query string, args ...any) error
	// Each calls row for each row.
	Each(ctx context.Context, row func(scan func(dest ...any) error) error, query string, args ...any) error
}

type sqlTx struct{ *sql.Tx }

func (t sqlTx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := t.ExecContext(ctx, query, args...)
	return err
}

func (t sqlTx) Each(ctx context.Context, row func(func(...any) error) error, query string, args ...any) error {
	rows, err := t.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

type pgxTx struct{ pgx.Tx }

func (t pgxTx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := t.Tx.Exec(ctx, dollars(query), args...)
	return err
}

func (t pgxTx) Each(ctx context.Context, row func(func(...any) error) error, query string, args ...any) error {
	rows, err := t.Query(ctx, dollars(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// dollars writes parameters as PostgreSQL does.
func dollars(query string) string {
	var b strings.Builder
	n := 0
	for _, c := range []byte(query) {
		if c != '?' {
			b.WriteByte(c)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// numbers returns the only column of a query.
func numbers(ctx context.Context, tx Tx, query string, args ...any) (all []int64, err error) {
	err = tx.Each(ctx, func(scan func(...any) error) error {
		var n int64
		err := scan(&n)
		all = append(all, n)
		return err
	}, query, args...)
	return all, err
}
