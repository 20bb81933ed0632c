package main

import (
	"context"
	"database/sql"

	trmsql "github.com/avito-tech/go-transaction-manager/drivers/sql/v2"
	"github.com/avito-tech/go-transaction-manager/trm/v2/manager"
	"github.com/avito-tech/go-transaction-manager/trm/v2/settings"
)

// sqlQuerier is what pools and transactions of database/sql have in common.
type sqlQuerier interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// sqlTx is a transaction of database/sql; dollar says how parameters are written.
type sqlTx struct {
	sqlQuerier
	dollar bool
}

func (q sqlTx) get(ctx context.Context, id int) (n int, err error) {
	query := `select n from account where id = ?`
	if q.dollar {
		query = getPG
	}
	return n, q.QueryRowContext(ctx, query, id).Scan(&n)
}

func (q sqlTx) add(ctx context.Context, id int) error {
	query := `update account set n = n + 1 where id = ?`
	if q.dollar {
		query = addPG
	}
	_, err := q.ExecContext(ctx, query, id)
	return err
}

func (q sqlTx) set(ctx context.Context, id, n int) error {
	if q.dollar {
		_, err := q.ExecContext(ctx, setPG, id, n)
		return err
	}
	_, err := q.ExecContext(ctx, `update account set n = ? where id = ?`, n, id)
	return err
}

func sqlOptions(w work) *sql.TxOptions {
	o := &sql.TxOptions{ReadOnly: w.readOnly}
	if w.hot {
		o.Isolation = sql.LevelSerializable
	}
	return o
}

// inTx is what everybody writes by hand.
func inTx(ctx context.Context, db *sql.DB, w work, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, sqlOptions(w))
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// sqlVariants are what database/sql is used with. again says after which errors to try
// again.
func sqlVariants(plain *sql.DB, again func(error) bool) []variant {
	trm := manager.Must(trmsql.NewDefaultFactory(plain))
	bare := by("pooled query", func(ctx context.Context, _ work, fn func(context.Context, querier) error) error {
		return fn(ctx, sqlTx{plain, false})
	})
	bare.skips = func(w work) bool { return w.hot }
	bare.sum = func(ctx context.Context) (n int, err error) {
		return n, plain.QueryRowContext(ctx, sumAll).Scan(&n)
	}
	loop := by("loop with jitter", func(ctx context.Context, w work, fn func(context.Context, querier) error) error {
		return jitter(ctx, func() error {
			return inTx(ctx, plain, w, func(tx *sql.Tx) error { return fn(ctx, sqlTx{tx, false}) })
		}, again)
	})
	loop.skips = func(w work) bool { return !w.hot }
	return []variant{
		bare,
		by("database/sql", func(ctx context.Context, w work, fn func(context.Context, querier) error) error {
			return inTx(ctx, plain, w, func(tx *sql.Tx) error { return fn(ctx, sqlTx{tx, false}) })
		}),
		by("go-transaction-manager", func(ctx context.Context, w work, fn func(context.Context, querier) error) error {
			return trm.DoWithSettings(ctx, trmsql.MustSettings(settings.Must(), trmsql.WithTxOptions(sqlOptions(w))), func(ctx context.Context) error {
				return fn(ctx, sqlTx{trmsql.DefaultCtxGetter.DefaultTrOrDB(ctx, plain), false})
			})
		}),
		loop,
	}
}
