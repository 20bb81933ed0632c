package sqliteadapter_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a DB on a file of its own with a counter and a list of effects.
func open(t *testing.T, params string) *sqliteadapter.DB {
	t.Helper()
	db, err := sqliteadapter.Open(filepath.Join(t.TempDir(), "test.db")+params, sqliteadapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := db.SQL().Stats().InUse; n != 0 {
			t.Errorf("%d connections in use", n)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.SQL().Exec(`
		create table counter (n int not null); insert into counter values (0);
		create table effect (attempt int);
		create table child (id int references parent(id) deferrable initially deferred);
		create table parent (id int primary key);`); err != nil {
		t.Fatal(err)
	}
	return db
}

func exec(ctx context.Context, q string, args ...any) error {
	_, err := sqliteadapter.Tx(ctx).ExecContext(ctx, q, args...)
	return err
}

func effects(t *testing.T, db *sqliteadapter.DB) (n int) {
	t.Helper()
	if err := db.SQL().QueryRow(`select count(*) from effect`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func run(db *sqliteadapter.DB, o txctx.Options, fn func(ctx context.Context) error) (runs int, err error) {
	err = txctx.Run(context.Background(), db, o, func(ctx context.Context) error {
		runs++
		return fn(ctx)
	})
	return runs, err
}

func TestDefaults(t *testing.T) {
	db := open(t, "")
	for pragma, want := range map[string]string{"journal_mode": "wal", "busy_timeout": "5000", "foreign_keys": "1", "query_only": "0"} {
		var got string
		if err := db.SQL().QueryRow("pragma " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q, error %v", pragma, got, want, err)
		}
	}
	db = open(t, "?_pragma=busy_timeout(7)")
	var got string
	if err := db.SQL().QueryRow("pragma busy_timeout").Scan(&got); err != nil || got != "7" {
		t.Errorf("busy_timeout is %q, error %v", got, err)
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	for dsn, want := range map[string]string{
		"":              "names no file",
		"file:?mode=ro": "names no file",
		"mysql://x/y":   `unknown scheme "mysql"`,
	} {
		if _, err := sqliteadapter.Open(dsn, sqliteadapter.Config{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", dsn, err, want)
		}
	}
}

func TestMemory(t *testing.T) {
	db, err := sqliteadapter.Open(":memory:", sqliteadapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{`create table x (n int)`, `insert into x values (1)`} {
		if _, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, q) }); err != nil {
			t.Fatal(err)
		}
	}
}

// TestACrowdOfWritersQueues: read, think, write, by 32 at once, and nobody sees
// SQLITE_BUSY or needs a second attempt.
//
// Mutation: no queue, and busy_timeout 0.
func TestACrowdOfWritersQueues(t *testing.T) {
	db := open(t, "?_pragma=busy_timeout(0)")
	const clients, each = 32, 5
	warmUp(t, db, clients)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				runs, err := run(db, txctx.Options{}, func(ctx context.Context) error {
					var n int
					if err := sqliteadapter.Tx(ctx).QueryRowContext(ctx, `select n from counter`).Scan(&n); err != nil {
						return err
					}
					return exec(ctx, `update counter set n = ?`, n+1)
				})
				if runs != 1 || err != nil {
					t.Errorf("ran %d times, error %v", runs, err)
				}
			}
		})
	}
	wg.Wait()
	var n int
	if err := db.SQL().QueryRow(`select n from counter`).Scan(&n); err != nil || n != clients*each {
		t.Errorf("the counter is %d, want %d, error %v", n, clients*each, err)
	}
}

// warmUp opens n connections and leaves them idle: opening one looks at the file, and
// may find it locked.
func warmUp(t *testing.T, db *sqliteadapter.DB, n int) {
	t.Helper()
	db.SQL().SetMaxIdleConns(n)
	conns := make([]*sql.Conn, n)
	for i := range conns {
		c, err := db.SQL().Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c
	}
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadersDoNotWait for a writer, and cannot write.
//
// Mutation: leave query_only off.
func TestReadersDoNotWait(t *testing.T) {
	db := open(t, "")
	_, err := run(db, txctx.Options{}, func(ctx context.Context) error {
		if err := exec(ctx, `update counter set n = 7`); err != nil {
			return err
		}
		_, err := run(db, txctx.Options{ReadOnly: true}, func(ctx context.Context) error {
			var n int
			err := sqliteadapter.Tx(ctx).QueryRowContext(ctx, `select n from counter`).Scan(&n)
			if n != 0 {
				t.Errorf("the reader sees %d", n)
			}
			return err
		})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	runs, err := run(db, txctx.Options{ReadOnly: true}, func(ctx context.Context) error { return exec(ctx, `update counter set n = 8`) })
	if runs != 1 || err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("ran %d times, error %v", runs, err)
	}
	if _, err := db.SQL().Exec(`update counter set n = 9`); err != nil { // the connection is as it was
		t.Error(err)
	}
}

// TestAnotherProcessIsWaitedForAndThenReplayed: it holds the lock beyond
// busy_timeout.
func TestAnotherProcessIsWaitedForAndThenReplayed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shared.db")
	db, err := sqliteadapter.Open(file+"?_pragma=busy_timeout(10)", sqliteadapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := sql.Open("sqlite", file+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := db.SQL().Exec(`create table effect (attempt int)`); err != nil {
		t.Fatal(err)
	}
	lock, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	runs, err := run(db, txctx.Options{}, func(ctx context.Context) error {
		if txctx.AttemptOf(ctx).Number == 2 {
			_ = lock.Rollback()
		}
		err := exec(ctx, `insert into effect values (1)`)
		if txctx.AttemptOf(ctx).Number == 1 && retryable.ReasonOf(err) != retryable.LockTimeout {
			t.Errorf("the first attempt: %v", err)
		}
		return nil // swallowed
	})
	if runs != 2 || err != nil || effects(t, db) != 1 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, effects(t, db))
	}
}

// TestAnInterruptedWriteTakesTheTransactionWithIt: nothing that the handler sends
// afterwards may land.
//
// Mutation: do not doom on context errors.
func TestAnInterruptedWriteTakesTheTransactionWithIt(t *testing.T) {
	db := open(t, "")
	why := errors.New("lost patience")
	runs, err := run(db, txctx.Options{}, func(ctx context.Context) error {
		if err := exec(ctx, `insert into effect values (1)`); err != nil {
			return err
		}
		short, cancel := context.WithTimeoutCause(ctx, 20*time.Millisecond, why)
		defer cancel()
		first := exec(short, `with recursive r(n) as (select 1 union all select n+1 from r) insert into effect select n from r`)
		second := exec(ctx, `insert into effect values (2)`)
		if !errors.Is(first, why) || !errors.Is(second, why) {
			t.Errorf("first %v, second %v", first, second)
		}
		return nil // swallowed
	})
	if runs != 1 || !errors.Is(err, why) || effects(t, db) != 0 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, effects(t, db))
	}
}

// TestADeferredForeignKeyIsADefiniteRefusal by COMMIT.
func TestADeferredForeignKeyIsADefiniteRefusal(t *testing.T) {
	db := open(t, "")
	runs, err := run(db, txctx.Options{}, func(ctx context.Context) error {
		return errors.Join(exec(ctx, `insert into effect values (1)`), exec(ctx, `insert into child values (7)`))
	})
	if runs != 1 || err == nil || !strings.Contains(err.Error(), "FOREIGN KEY") || effects(t, db) != 0 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, effects(t, db))
	}
}

func TestSavepoints(t *testing.T) {
	db := open(t, "")
	if _, err := run(db, txctx.Options{}, func(ctx context.Context) error {
		return errors.Join(
			exec(ctx, `insert into effect values (1)`),
			exec(ctx, `savepoint a`),
			exec(ctx, `insert into effect values (2)`),
			exec(ctx, `rollback to a`),
			exec(ctx, `release a`))
	}); err != nil {
		t.Fatal(err)
	}
	if n := effects(t, db); n != 1 {
		t.Errorf("%d effects", n)
	}
}

type coded int

func (c coded) Error() string { return fmt.Sprint("sqlite error ", int(c)) }
func (c coded) Code() int     { return int(c) }

func TestClassify(t *testing.T) {
	const S, K = retryable.Statement, retryable.Commit
	for _, row := range []struct {
		err   error
		phase retryable.Phase
		want  retryable.Reason
	}{
		{coded(5), S, retryable.LockTimeout},
		{coded(5), K, retryable.LockTimeout},
		{coded(261), S, retryable.LockTimeout},
		{coded(517), S, retryable.Serialization},
		{coded(6), S, retryable.LockTimeout},
		{coded(15), S, retryable.LockTimeout},
		{coded(17), S, retryable.Serialization},
		{coded(513), S, retryable.Serialization},
		{coded(13), S, retryable.Overloaded},
		{coded(3082), S, retryable.Overloaded},
		{coded(778), K, retryable.CommitUnknown},
		{coded(778), S, retryable.None},
		{coded(3850), S, retryable.LockTimeout},
		{coded(1032), S, retryable.Failover},
		{coded(8), S, retryable.None},
		{coded(9), S, retryable.None},
		{coded(19), S, retryable.None},
		{coded(2067), S, retryable.None},
		{coded(787), K, retryable.None},
		{coded(11), S, retryable.None},
		{context.Canceled, S, retryable.None},
		{context.Canceled, K, retryable.CommitUnknown},
	} {
		for _, err := range []error{row.err, fmt.Errorf("x: %w", row.err)} {
			if got := sqliteadapter.Classify(retryable.Fault{Err: err, Phase: row.phase}); got != row.want {
				t.Errorf("%v at %v: %v, want %v", err, row.phase, got, row.want)
			}
		}
	}
}
