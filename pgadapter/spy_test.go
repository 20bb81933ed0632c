package pgadapter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/txctx"
)

// listener notes what it is told. Its end wants what its start has put into the context.
type listener struct {
	t    *testing.T
	told []string
}

type listenerKey struct{}

func (l *listener) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, listenerKey{}, fmt.Sprintf("%s %v", d.SQL, d.Args))
}

func (l *listener) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	started, ok := ctx.Value(listenerKey{}).(string)
	if !ok {
		l.t.Errorf("the end of a query that never began: %v %v", d.CommandTag, d.Err)
	}
	l.told = append(l.told, fmt.Sprintf("%s: %s %v", started, d.CommandTag, d.Err != nil))
}

// batchListener is one that knows batches, too.
type batchListener struct{ *listener }

func (batchListener) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (batchListener) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (batchListener) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// TestTracers: a statement that went with BEGIN is told of as if it had gone alone, and
// nothing else is.
//
// Mutations seen to fail it: no toldByPgx; close the rows of the trace.
func TestTracers(t *testing.T) {
	for _, mode := range modes {
		for _, batches := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, batches %v", mode, batches), func(t *testing.T) {
				l := &listener{t: t}
				var tracer pgx.QueryTracer = l
				if batches {
					tracer = batchListener{l}
				}
				b := newBed(t, pgadapter.Config{}, in(mode), func(c *pgxpool.Config) { c.ConnConfig.Tracer = tracer })
				const write = `insert into effect values ($1) returning attempt`
				for _, row := range []struct {
					fn   func(ctx context.Context, tx pgx.Tx) error
					want string
				}{
					{func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, write, 7); return err }, write + " [7]: INSERT 0 1 false"},
					{func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, "select 1"); return err }, "select 1 []: SELECT 1 false"},
					{func(ctx context.Context, tx pgx.Tx) error { return collect(tx.Query(ctx, write, 7)) }, write + " [7]: INSERT 0 1 false"},
					{func(ctx context.Context, tx pgx.Tx) error { return tx.QueryRow(ctx, write, 7).Scan(new(int)) }, write + " [7]: INSERT 0 1 false"},
					{func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, "select 1/$1::int", 0); return err }, "select 1/$1::int [0]:  true"},
					{func(ctx context.Context, tx pgx.Tx) error { return collect(tx.Query(ctx, "select 1/$1::int", 0)) }, "select 1/$1::int [0]:  true"},
					{func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, "select nosuch", 0); return err }, "select nosuch [0]:  true"},
				} {
					for range 2 {
						l.told = nil
						_, _ = b.run(txctx.Options{}, row.fn)
						l.told = slices.DeleteFunc(l.told, func(s string) bool {
							return strings.HasPrefix(s, "commit") || strings.HasPrefix(s, "rollback")
						})
						if len(l.told) != 1 || l.told[0] != row.want {
							t.Errorf("told %q, want %q", l.told, row.want)
						}
					}
				}
				// The second statement may go with the question.
				l.told = nil
				_, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
					return errors.Join(collect(tx.Query(ctx, "select 1")), collect(tx.Query(ctx, write, 7)))
				})
				if want := write + " [7]: INSERT 0 1 false"; err != nil || len(l.told) != 3 || l.told[1] != want {
					t.Errorf("told %q, want %q, error %v", l.told, want, err)
				}
			})
		}
	}
}
