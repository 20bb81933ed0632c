package pgadapter_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

type commandTag = pgconn.CommandTag

func sqlState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}

func truncate(t *testing.T, b *bed) {
	t.Helper()
	if _, err := b.pool.Exec(context.Background(), `truncate effect`); err != nil {
		t.Fatal(err)
	}
}

// TestRule02_ADoomedTransactionRefusesWithoutIO: nothing is sent any more, and
// every way of asking gets the error that doomed it.
//
// Mutation seen to fail it: do not ask Doomed in lock.
func TestRule02_ADoomedTransactionRefusesWithoutIO(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	reached := false // a panic in a doomed attempt is discarded with it
	_, err := b.run(txctx.Options{Retry: retryable.Policy{MaxRetries: retryable.NoRetries}}, func(ctx context.Context, tx pgx.Tx) error {
		sp, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		_, doom := sp.Exec(ctx, `select boom('40P01')`)
		if retryable.ReasonOf(doom) != retryable.Deadlock || sqlState(doom) != "40P01" {
			t.Errorf("the first error is %v", doom)
		}
		sent := b.statements.Load()
		for name, err := range everyMethod(ctx, tx) {
			if !errors.Is(err, doom) {
				t.Errorf("%s: %v, want the error that doomed it", name, err)
			}
		}
		if err := sp.Rollback(ctx); !errors.Is(err, doom) {
			t.Errorf("savepoint Rollback: %v", err)
		}
		if n := b.statements.Load(); n != sent {
			t.Errorf("%d statements were sent", n-sent)
		}
		reached = true
		return nil
	})
	if !reached {
		t.Error("the handler did not reach its end")
	}
	if _, ok := errors.AsType[*retryable.ExhaustedError](err); !ok {
		t.Errorf("Run: %v", err)
	}
}

// everyMethod calls every method of tx that can fail and returns the errors.
func everyMethod(ctx context.Context, tx pgx.Tx) map[string]error {
	errs := map[string]error{}
	_, errs["Begin"] = tx.Begin(ctx)
	_, errs["Exec"] = tx.Exec(ctx, `select 1`)
	_, errs["Prepare"] = tx.Prepare(ctx, "x", `select 1`)
	_, errs["CopyFrom"] = tx.CopyFrom(ctx, pgx.Identifier{"effect"}, []string{"attempt"}, pgx.CopyFromRows(nil))
	rows, err := tx.Query(ctx, `select 1`)
	errs["Query"] = err
	errs["Rows.Err"] = rows.Err()
	if rows.Next() {
		errs["Rows.Next"] = nil
	}
	errs["Rows.Scan"] = rows.Scan()
	rows.Close()
	errs["QueryRow.Scan"] = tx.QueryRow(ctx, `select 1`).Scan(new(int))
	br := tx.SendBatch(ctx, batch("select 1"))
	_, errs["Batch.Exec"] = br.Exec()
	_, errs["Batch.Query"] = br.Query()
	errs["Batch.Close"] = br.Close()
	return errs
}

// TestOutsideAnAttempt: no nil, no pool behind your back.
func TestOutsideAnAttempt(t *testing.T) {
	ctx := context.Background()
	tx := pgadapter.Tx(ctx)
	if _, ok := pgadapter.From(ctx); ok || tx == nil {
		t.Fatal("a transaction out of nothing")
	}
	errs := everyMethod(ctx, tx)
	errs["Commit"], errs["Rollback"] = tx.Commit(ctx), tx.Rollback(ctx)
	for name, err := range errs {
		if !errors.Is(err, txctx.ErrNoTransaction) {
			t.Errorf("%s: %v", name, err)
		}
	}
	lo := tx.LargeObjects()
	if _, err := lo.Create(ctx, 0); !errors.Is(err, pgx.ErrTxClosed) {
		t.Errorf("LargeObjects: %v", err)
	}
	if tx.Conn() != nil {
		t.Error("a connection out of nothing")
	}
}

// TestRule14_StatementsOwnContext: a statement whose own context ends takes its
// connection with it. That fails the attempt once, with the context's cause,
// whatever the statements after it say.
//
// Mutation seen to fail it: classify before looking at the context.
func TestRule14_StatementsOwnContext(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	why := errors.New("lost patience")
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		short, cancel := context.WithTimeoutCause(ctx, 20*time.Millisecond, why)
		defer cancel()
		_, first := tx.Exec(short, `select pg_sleep(60)`)
		_, second := tx.Exec(ctx, `select 1`)
		if !errors.Is(first, why) || !errors.Is(second, why) {
			t.Errorf("first %v, second %v", first, second)
		}
		return second
	})
	if runs != 1 || !errors.Is(err, why) || errors.Is(err, retryable.ErrRetry) {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestRule14_AContextThatWasDoneBeforeCostsNothing: nothing was sent.
func TestRule14_AContextThatWasDoneBeforeCostsNothing(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		if err := effect(ctx, tx); err != nil {
			return err
		}
		done, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := tx.Exec(done, `select 1`); !errors.Is(err, context.Canceled) {
			t.Errorf("Exec: %v", err)
		}
		return nil
	})
	if runs != 1 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if n := b.pool.Stat().NewConnsCount(); n != 1 {
		t.Errorf("%d connections were made", n)
	}
}

// TestAttemptTimeoutIsALoss: a statement that outlives the attempt's limit is the
// network's or the database's fault, and is replayed.
func TestAttemptTimeoutIsALoss(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	runs, err := b.run(txctx.Options{Retry: retryable.Policy{AttemptTimeout: 50 * time.Millisecond}}, func(ctx context.Context, tx pgx.Tx) error {
		if txctx.AttemptOf(ctx).Number == 1 {
			_, err := tx.Exec(ctx, `select pg_sleep(60)`)
			if retryable.ReasonOf(err) != retryable.Disconnected {
				t.Errorf("Exec: %v", err)
			}
			return err
		}
		return nil
	})
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestRule18_TheFirstStatementBegins: without one no connection is taken.
//
// Mutation seen to fail it: begin in DB.Begin.
func TestRule18_TheFirstStatementBegins(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	if _, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if n := b.pool.Stat().AcquireCount(); n != 0 {
		t.Errorf("%d connections were taken", n)
	}
}

// TestRule18_AnEmptyPoolDoomsTheAttempt, at its first statement, as Overloaded.
func TestRule18_AnEmptyPoolDoomsTheAttempt(t *testing.T) {
	b := newBed(t, pgadapter.Config{}, func(c *pgxpool.Config) { c.MaxConns = 1 })
	held, err := b.pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	runs, err := b.run(txctx.Options{Retry: retryable.Policy{AcquireTimeout: 20 * time.Millisecond}}, func(ctx context.Context, tx pgx.Tx) error {
		if txctx.AttemptOf(ctx).Number == 2 {
			held.Release()
		}
		_, err := tx.Exec(ctx, `select 1`)
		if txctx.AttemptOf(ctx).Number == 1 && retryable.ReasonOf(err) != retryable.Overloaded {
			t.Errorf("Exec: %v", err)
		}
		return nil // swallowed
	})
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestRule19_AStrayStatementIsCutOff: a goroutine is in the middle of a statement
// when its attempt ends. Run does not wait for it, the statement fails, and the
// next attempt has a transaction of its own.
//
// Mutation seen to fail it: lock in close without interrupting.
func TestRule19_AStrayStatementIsCutOff(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	var wg sync.WaitGroup
	var stale pgx.Tx
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		if txctx.AttemptOf(ctx).Number > 1 {
			if _, err := stale.Exec(ctx, `insert into effect values (100)`); !errors.Is(err, txctx.ErrAttemptOver) {
				t.Errorf("the old transaction: %v", err)
			}
			return effect(ctx, tx)
		}
		stale = tx
		if err := effect(ctx, tx); err != nil {
			return err
		}
		started := make(chan struct{})
		wg.Go(func() {
			close(started)
			_, err := tx.Exec(context.WithoutCancel(ctx), `select pg_sleep(60)`)
			if !errors.Is(err, txctx.ErrAttemptOver) {
				t.Errorf("the stray statement: %v", err)
			}
		})
		<-started
		return retryable.Mark(errors.New("again"))
	})
	wg.Wait()
	if runs != 2 || err != nil {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if diff := cmp.Diff([]int{2}, b.effects()); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

// TestTwoStatementsAtOnceAreRefused, as pgx does with "conn busy", also from a
// Scan method: waiting would be a deadlock.
func TestTwoStatementsAtOnceAreRefused(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	_, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		s := scanFunc(func() {
			if _, err := tx.Exec(ctx, `select 1`); err == nil {
				t.Error("a statement inside Scan was let through")
			}
		})
		return tx.QueryRow(ctx, `select 'x'`).Scan(s)
	})
	if err != nil {
		t.Error(err)
	}
}

type scanFunc func()

func (f scanFunc) Scan(any) error { f(); return nil }

// TestRule20_CommitAndRollbackAreNotTheHandlers
//
// Mutation seen to fail it: let Commit through.
func TestRule20_CommitAndRollbackAreNotTheHandlers(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	boom := errors.New("boom")
	runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
		if err := effect(ctx, tx); err != nil {
			return err
		}
		if err := tx.Commit(ctx); !errors.Is(err, txctx.ErrManaged) {
			t.Errorf("Commit: %v", err)
		}
		if err := tx.Rollback(ctx); !errors.Is(err, txctx.ErrManaged) {
			t.Errorf("Rollback: %v", err)
		}
		return boom
	})
	if runs != 1 || err != boom { //nolint:errorlint // unchanged
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if got := b.effects(); len(got) != 0 {
		t.Errorf("effects %v", got)
	}
}

// TestReadOnly: the server refuses the write, and that is the program's fault.
func TestReadOnly(t *testing.T) {
	b := newBed(t, pgadapter.Config{})
	runs, err := b.run(txctx.Options{ReadOnly: true}, effect)
	if runs != 1 || sqlState(err) != "25006" {
		t.Errorf("ran %d times, error %v", runs, err)
	}
}

// TestConfigClassifyComesFirst: an application that wants unique violations
// replayed says so; None leaves the verdict to the adapter.
func TestConfigClassifyComesFirst(t *testing.T) {
	b := newBed(t, pgadapter.Config{Classify: func(f retryable.Fault) retryable.Reason {
		if f.Server == "" {
			t.Error("the server's version is not known")
		}
		if sqlState(f.Err) == "23505" {
			return retryable.Serialization
		}
		return retryable.None
	}})
	for _, code := range []string{"23505", "40001"} {
		runs, err := b.run(txctx.Options{}, func(ctx context.Context, tx pgx.Tx) error {
			if txctx.AttemptOf(ctx).Number == 1 {
				_, _ = tx.Exec(ctx, `select boom($1)`, code)
			}
			return nil
		})
		if runs != 2 || err != nil {
			t.Errorf("%s: ran %d times, error %v", code, runs, err)
		}
	}
}

func TestNewPanicsWithoutAPool(t *testing.T) {
	defer func() {
		if v := recover(); v != "pgadapter: New: pool is nil" {
			t.Errorf("panicked with %v", v)
		}
	}()
	pgadapter.New(nil, pgadapter.Config{})
}
