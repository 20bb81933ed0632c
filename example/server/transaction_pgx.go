package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// pgxTransaction is a transaction of PostgreSQL.
type pgxTransaction struct{ tx pgx.Tx }

func (t pgxTransaction) exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(ctx, dollars(query), args...)
	return tag.RowsAffected(), err
}

func (t pgxTransaction) insert(ctx context.Context, query string, args ...any) (id int64, err error) {
	err = t.tx.QueryRow(ctx, dollars(query)+" returning id", args...).Scan(&id)
	return id, err
}

func (t pgxTransaction) queryRow(ctx context.Context, query string, args ...any) row {
	return t.tx.QueryRow(ctx, dollars(query), args...)
}

func (t pgxTransaction) query(ctx context.Context, query string, args ...any) (rows, error) {
	found, err := t.tx.Query(ctx, dollars(query), args...)
	return pgxRows{found}, err
}

type pgxRows struct{ pgx.Rows }

func (r pgxRows) Close() error {
	r.Rows.Close()
	return r.Err()
}

// dollars turns every ? into $1, $2 and so on. No statement of this program has
// one in a text of its own.
func dollars(query string) string {
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		query = after
	}
}
