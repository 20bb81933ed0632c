package mysqladapter_test

import (
	"context"
	"testing"

	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestRowsLeftOpen are read to their end, all result sets of them, and the connection
// is as good as before.
//
// Mutation seen to fail it: read on after the end of a result set.
func TestRowsLeftOpen(t *testing.T) {
	b := newBed(t, mysqladapter.Config{})
	b.db.SQL().SetMaxOpenConns(1)
	b.outside(`insert into effect values (1), (2), (3)`)
	b.outside(`create procedure three(a int) begin select a; select * from effect; select a from effect; end`)
	for _, query := range []struct {
		q    string
		args []any
	}{
		{`select * from effect`, nil},
		{`select * from effect where ? = 1`, []any{1}},
		{`call three(1)`, nil},
		{`call three(?)`, []any{1}},
	} {
		for taken := range 5 { // 4: to the end of the first result set, and no further
			var was, is int
			runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
				tx := mysqladapter.Tx(ctx)
				if err := tx.QueryRowContext(ctx, `select connection_id()`).Scan(&was); err != nil {
					return err
				}
				rows, err := tx.QueryContext(ctx, query.q, query.args...) //nolint:rowserrcheck // on purpose
				if err != nil {
					return err
				}
				for range taken {
					rows.Next()
				}
				if err := rows.Close(); err != nil {
					return err
				}
				return tx.QueryRowContext(ctx, `select connection_id()`).Scan(&is)
			})
			if runs != 1 || err != nil || was != is {
				t.Errorf("%s, %d rows taken: ran %d times, error %v, connections %d and %d", query.q, taken, runs, err, was, is)
			}
		}
	}
}

// TestAnErrorAmongRowsLeftOpenDooms, though nobody has read so far.
//
// Mutation seen to fail it: ignore the error of reading on.
func TestAnErrorAmongRowsLeftOpenDooms(t *testing.T) {
	b, unlock := locked(t, mariatest.Database(t, mariatest.Shared(t)))
	runs, err := b.run(txctx.Options{}, func(ctx context.Context) error {
		if txctx.AttemptOf(ctx).Number > 1 {
			unlock()
		}
		rows, err := mysqladapter.Tx(ctx).QueryContext(ctx, `select id from counter order by id desc for update nowait`) //nolint:rowserrcheck // on purpose
		if err != nil {
			return err
		}
		err = rows.Close()
		if txctx.AttemptOf(ctx).Number == 1 && number(err) != 1205 {
			t.Errorf("%v", err)
		}
		return nil // swallowed
	})
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}
