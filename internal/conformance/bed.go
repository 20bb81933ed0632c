package conformance

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// bed is a database under test.
type bed struct {
	*testing.T
	*Database
	engine Engine
}

func newBed(t *testing.T, e Engine, o Options) *bed {
	t.Helper()
	if o.Isolation == sql.LevelDefault {
		o.Isolation = sql.LevelSerializable
	}
	if o.Conns == 0 {
		o.Conns = 4
	}
	b := &bed{t, e.Open(t, o), e}
	t.Cleanup(b.checkClean)
	return b
}

// checkClean is rule 21: no connection in use, none in a transaction, no lock held.
func (b *bed) checkClean() {
	b.Helper()
	b.eventually("no connection in use", func() bool { return b.InUse() == 0 })
	if b.Dirty != nil {
		b.eventually("no session in a transaction", func() bool { return b.Dirty(b.T) == 0 })
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := b.Outside.ExecContext(ctx, `update counter set n = n`); err != nil {
		b.Errorf("a lock was left: %v", err)
	}
}

// patience is long because pgx may keep a connection for 15 s whose statement was
// cancelled before it had begun.
const patience = 25 * time.Second

// eventually polls until ok reports true.
func (b *bed) eventually(what string, ok func() bool) {
	b.Helper()
	dbtest.Within(b.T, patience, what, ok)
}

// run is txctx.Run with short pauses. It returns how often fn ran.
func (b *bed) run(o txctx.Options, fn func(ctx context.Context, tx Tx) error) (runs int, err error) {
	return b.runUnder(context.Background(), o, fn)
}

func (b *bed) runUnder(ctx context.Context, o txctx.Options, fn func(ctx context.Context, tx Tx) error) (runs int, err error) {
	if o.Retry.Outage == (retryable.Backoff{}) {
		o.Retry.Outage = retryable.Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond}
	}
	err = txctx.Run(ctx, b.DB, o, func(ctx context.Context) error {
		runs++
		return fn(ctx, b.Tx(ctx))
	})
	return runs, err
}

// effect writes the number of the attempt.
func (b *bed) effect(ctx context.Context, tx Tx) error {
	return tx.Exec(ctx, b.bind(`insert into effect values (?)`), txctx.AttemptOf(ctx).Number)
}

// bind writes the parameters as the engine has them; one, at most.
func (b *bed) bind(query string) string {
	if b.engine.Dollar {
		query = strings.Replace(query, "?", "$1", 1)
	}
	return query
}

// first reads one number.
func first(ctx context.Context, tx Tx, query string) (n int, err error) {
	err = tx.Each(ctx, query, func(row int) error { n = row; return nil })
	return n, err
}

// outside runs a statement outside of all attempts.
func (b *bed) outside(query string) {
	b.Helper()
	if _, err := b.Outside.ExecContext(context.Background(), query); err != nil {
		b.Fatalf("%s: %v", query, err)
	}
}

// effects returns the attempts whose effects are in the database.
func (b *bed) effects() (out []int) {
	b.Helper()
	rows, err := b.Outside.QueryContext(context.Background(), `select attempt from effect order by attempt`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			b.Fatal(err)
		}
		out = append(out, n)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return out
}

// wantEffects checks which attempts left their effect.
func (b *bed) wantEffects(want ...int) {
	b.Helper()
	if diff := cmp.Diff(want, b.effects()); diff != "" {
		b.Errorf("effects (-want +got):\n%s", diff)
	}
}

// want checks what came of a run.
func (b *bed) want(runs int, err error, wantRuns int, wantErr error) {
	b.Helper()
	if runs != wantRuns || !errors.Is(err, wantErr) {
		b.Errorf("ran %d times, error %v; want %d times, error %v", runs, err, wantRuns, wantErr)
	}
}

// exhausted returns the reason of the last attempt of an exhausted run.
func exhausted(err error) retryable.Reason {
	ex, ok := errors.AsType[*retryable.ExhaustedError](err)
	if !ok || len(ex.Errs) == 0 {
		return retryable.None
	}
	return retryable.ReasonOf(ex.Errs[len(ex.Errs)-1])
}

var (
	errBoom  = errors.New("boom")
	noReplay = txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}
)
