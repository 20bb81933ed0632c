package provoked_test

import (
	"context"
	"errors"
	"testing"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
)

// TestSQLiteEnded has transactions that are over before the attempt is.
//
// Mutation seen to fail it: no rollback hook; call every error of COMMIT unknown.
func TestSQLiteEnded(t *testing.T) { play(t, false, lite(liteOptions{}), liteEnded) }

// liteInterrupted is what comes of 9: the driver answers the context's error instead.
var liteInterrupted = &verdict{phase: retryable.Statement}

const liteWhyInterrupted = "the driver answers what the context does, not the code 9, and calls the connection invalid"

var liteEnded = []liteScenario{
	{
		row: "sq-016", name: "a context ends in an endless INSERT", gives: liteInterrupted, disputed: liteWhyInterrupted,
		is: context.Canceled, provoke: liteOutlast,
	},
	{
		row: "sq-016", name: "and what comes next is refused", gives: liteInterrupted, disputed: liteWhyInterrupted, swallow: true,
		is: context.Canceled, provoke: func(a *liteAttempt) error {
			first := liteOutlast(a)
			for _, query := range []string{`insert into effect values (7)`, `savepoint a`, `select 1`} {
				if err := liteExec(query)(a); !errors.Is(err, context.Canceled) {
					a.Errorf("%s: %v", query, err)
				}
			}
			return first
		},
	},
	{
		row: "sq-014", name: "INSERT OR ROLLBACK amid rows", text: "abort due to ROLLBACK",
		provoke: func(a *liteAttempt) error {
			rows, err := sqliteadapter.Tx(a.ctx).QueryContext(a.ctx, `select id from counter`)
			if err != nil {
				return err
			}
			defer rows.Close()
			rows.Next()
			if err := liteExec(`create table more (x)`, `insert or rollback into counter values (1, 0)`)(a); a.db.code(err) != "1555" {
				a.Errorf("the INSERT: %v", err)
			}
			for rows.Next() {
			}
			return rows.Err()
		},
	},
}
