package sqladapter_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/reprise-go/reprise/sqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// quiet is a server that does not keep a log.
type quiet struct{ server }

func (q *quiet) Connect(context.Context) (driver.Conn, error) { return quietConn{}, nil }

type quietConn struct{}

func (quietConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (quietConn) Close() error                        { return nil }
func (quietConn) Begin() (driver.Tx, error)           { return quietConn{}, nil }
func (quietConn) Commit() error                       { return nil }
func (quietConn) Rollback() error                     { return nil }
func (quietConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}
func (quietConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &fakeRows{s: new(server)}, nil
}

// work is a transaction of one query and one statement.
func work(b *testing.B, ctx context.Context, tx *sql.Tx) {
	rows, err := tx.QueryContext(ctx, "select")
	if err != nil {
		b.Fatal(err)
	}
	for rows.Next() {
	}
	_ = rows.Close()
	if _, err := tx.ExecContext(ctx, "update"); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWrapper compares a transaction through the wrapped connector with the
// bare driver: outside of attempts, and as an attempt of Run.
func BenchmarkWrapper(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background()) // as a request's
	defer cancel()
	plain := func(b *testing.B, pool *sql.DB) {
		b.ReportAllocs()
		for b.Loop() {
			tx, err := pool.BeginTx(ctx, nil)
			if err != nil {
				b.Fatal(err)
			}
			work(b, ctx, tx)
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("bare", func(b *testing.B) {
		pool := sql.OpenDB(&quiet{})
		defer pool.Close()
		plain(b, pool)
	})
	db := sqladapter.New(&quiet{}, sqladapter.Config{Classify: classify})
	defer db.Close()
	b.Run("wrapped", func(b *testing.B) { plain(b, db.SQL()) })
	b.Run("empty attempt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := txctx.Run(ctx, db, txctx.Options{}, func(ctx context.Context) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("attempt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			err := txctx.Run(ctx, db, txctx.Options{}, func(ctx context.Context) error {
				work(b, ctx, sqladapter.Tx(ctx))
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
