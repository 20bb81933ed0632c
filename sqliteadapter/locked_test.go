package sqliteadapter_test

import (
	"context"
	"sync"
	"testing"

	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestATableLockedByTheTransactionItself: SQLITE_LOCKED, for rows that were left open.
func TestATableLockedByTheTransactionItself(t *testing.T) {
	db := open(t, "")
	o, reasons := watched(quick())
	runs, err := run(db, o, func(ctx context.Context) error {
		rows, err := sqliteadapter.Tx(ctx).QueryContext(ctx, `select n from counter union all values (1), (2)`)
		if err != nil {
			return err
		}
		defer rows.Close()
		rows.Next()
		if txctx.AttemptOf(ctx).Number > 1 {
			_ = rows.Close()
		}
		return exec(ctx, `drop table counter`)
	})
	if want := "[statement lock_timeout commit none]"; runs != 2 || err != nil || reasons() != want {
		t.Errorf("ran %d times, error %v, ended as %s, want %s", runs, err, reasons(), want)
	}
}

// TestADeadlockInASharedCache: two that wait for each other's tables. Which of them
// SQLite refuses depends on who comes last; it is replayed, and both end well.
func TestADeadlockInASharedCache(t *testing.T) {
	const dsn = "file:TestADeadlockInASharedCache?mode=memory&cache=shared"
	writer, err := sqliteadapter.Open(dsn, sqliteadapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, writer)
	reader, err := sqliteadapter.Open(dsn, sqliteadapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	hasRead, hasWritten := make(chan struct{}), make(chan struct{})
	meet := func(ctx context.Context, mine chan<- struct{}, theirs <-chan struct{}) {
		if txctx.AttemptOf(ctx).Number == 1 {
			close(mine)
			<-theirs
		}
	}
	read := func(ctx context.Context, table string) error {
		rows, err := sqliteadapter.Tx(ctx).QueryContext(ctx, `select * from `+table)
		if err != nil {
			return err
		}
		return rows.Close()
	}
	writes, writeReasons := watched(quick())
	reads, readReasons := watched(quick())
	reads.ReadOnly = true
	var wrote, looked int
	var wg sync.WaitGroup
	wg.Go(func() {
		var err error
		if wrote, err = run(writer, writes, func(ctx context.Context) error {
			if err := exec(ctx, `insert into effect values (1)`); err != nil {
				return err
			}
			meet(ctx, hasWritten, hasRead)
			return exec(ctx, `update counter set n = n + 1`)
		}); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		var err error
		if looked, err = run(reader, reads, func(ctx context.Context) error {
			if err := read(ctx, "counter"); err != nil {
				return err
			}
			meet(ctx, hasRead, hasWritten)
			return read(ctx, "effect")
		}); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if wrote+looked != 3 || effects(t, writer) != 1 {
		t.Errorf("wrote %d times %s, read %d times %s, %d effects", wrote, writeReasons(), looked, readReasons(), effects(t, writer))
	}
	t.Logf("wrote %s, read %s", writeReasons(), readReasons())
}
