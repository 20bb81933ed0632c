package sqliteadapter_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

var readOnly = txctx.Options{ReadOnly: true}

// TestReadersDoNotWait for a writer.
//
// Mutation seen to fail it: queue for READ ONLY, too.
func TestReadersDoNotWait(t *testing.T) {
	db := open(t, "")
	_, err := run(db, txctx.Options{}, func(ctx context.Context) error {
		if err := exec(ctx, `update counter set n = 7`); err != nil {
			return err
		}
		// run has a context of its own; this one would join the attempt.
		_, err := run(db, readOnly, func(ctx context.Context) error {
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
}

// TestAReadOnlyTransactionIsRefusedToWrite: a plain failure, for which nothing is
// replayed; swallowed, the rest of the transaction goes on.
//
// Mutation seen to fail it: leave query_only off.
func TestAReadOnlyTransactionIsRefusedToWrite(t *testing.T) {
	db := open(t, "")
	for _, q := range []string{`insert into effect values (1)`, `create table y (n int)`, `insert into effect values (1) returning attempt`} {
		runs, err := run(db, readOnly, func(ctx context.Context) error { return exec(ctx, q) })
		if runs != 1 || err == nil || !strings.Contains(err.Error(), "readonly") {
			t.Errorf("%s: ran %d times, error %v", q, runs, err)
		}
	}
	runs, err := run(db, readOnly, func(ctx context.Context) error {
		_ = exec(ctx, `insert into effect values (1)`)
		var n int
		return sqliteadapter.Tx(ctx).QueryRowContext(ctx, `select n from counter`).Scan(&n)
	})
	if runs != 1 || err != nil || effects(t, db) != 0 {
		t.Errorf("ran %d times, error %v, %d effects", runs, err, effects(t, db))
	}
}

// TestReadOnlyDoesNotLeakIntoThePool, however the transaction ends.
//
// Mutation seen to fail it: turn query_only off after COMMIT only.
func TestReadOnlyDoesNotLeakIntoThePool(t *testing.T) {
	for name, handle := range map[string]func(ctx context.Context) error{
		"committed":   func(ctx context.Context) error { return exec(ctx, `select 1`) },
		"failed":      func(ctx context.Context) error { return exec(ctx, `nonsense`) },
		"refused":     func(ctx context.Context) error { return exec(ctx, `insert into effect values (1)`) },
		"rolled back": func(ctx context.Context) error { txctx.Rollback(ctx); return exec(ctx, `select 1`) },
		"ended by the handler": func(ctx context.Context) error {
			return sqliteadapter.Tx(ctx).Commit()
		},
		"panic": func(ctx context.Context) error { _ = exec(ctx, `select 1`); panic("a handler's") },
		"interrupted": func(ctx context.Context) error {
			short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			defer cancel()
			return exec(short, `with recursive r(n) as (select 1 union all select n+1 from r) select max(n) from r`)
		},
		"rows left open": func(ctx context.Context) error {
			rows, err := sqliteadapter.Tx(ctx).QueryContext(ctx, `select value from json_each('[1,2,3]')`)
			if err == nil {
				rows.Next()
			}
			return err
		},
	} {
		for _, dsn := range []string{":memory:", filepath.Join(t.TempDir(), "test.db")} {
			db, err := sqliteadapter.Open(dsn, sqliteadapter.Config{})
			if err != nil {
				t.Fatal(err)
			}
			db.SQL().SetMaxOpenConns(1)
			prepare(t, db)
			func() {
				defer func() { _ = recover() }()
				_, _ = run(db, readOnly, handle)
			}()
			if got := pragma(t, db, "query_only"); got != "0" {
				t.Errorf("%s: query_only is %s", name, got)
			}
			if _, err := run(db, once(), count); err != nil {
				t.Errorf("%s: a write afterwards: %v", name, err)
			}
		}
	}
}

// TestReadOnlyWhenTheConnectionBreaks: what comes next has another.
func TestReadOnlyWhenTheConnectionBreaks(t *testing.T) {
	db, faults := openFaulty(t)
	db.SQL().SetMaxOpenConns(1)
	for range 2 { // the second time on the connection that came after
		o := quick()
		o.ReadOnly = true
		runs, err := run(db, o, func(ctx context.Context) error {
			err := exec(ctx, `select 1`)
			if txctx.AttemptOf(ctx).Number == 1 {
				faults.CutAll()
			}
			return err
		})
		if runs != 2 || err != nil {
			t.Errorf("ran %d times, error %v", runs, err)
		}
		if _, err := run(db, once(), count); err != nil {
			t.Error(err)
		}
	}
}

// TestReadOnlyWhenTheContextEndsWhileItBegins: the pragma took effect, and said that
// it was interrupted.
//
// Mutation seen to fail it: turn query_only off only where turning it on succeeded.
func TestReadOnlyWhenTheContextEndsWhileItBegins(t *testing.T) {
	spy := newSpy(t)
	db := sqliteadapter.New(spy, sqliteadapter.Config{})
	db.SQL().SetMaxOpenConns(1)
	prepare(t, db)
	ctx, cancel := context.WithCancel(context.Background())
	spy.exec = func(_ context.Context, query string, exec func() error) error {
		err := exec()
		if query == "pragma query_only=1" {
			cancel()
			return context.Canceled
		}
		return err
	}
	err := txctx.Run(ctx, db, readOnly, func(ctx context.Context) error { return exec(ctx, `select 1`) })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := run(db, once(), count); err != nil {
		t.Error(err)
	}
}

// TestAConnectionThatStaysReadOnlyIsNotUsedAgain.
//
// Mutation seen to fail it: ignore the error.
func TestAConnectionThatStaysReadOnlyIsNotUsedAgain(t *testing.T) {
	spy := newSpy(t)
	db := sqliteadapter.New(spy, sqliteadapter.Config{})
	db.SQL().SetMaxOpenConns(1)
	prepare(t, db)
	failed := 0
	spy.exec = func(_ context.Context, query string, exec func() error) error {
		if query == "pragma query_only=0" && failed == 0 {
			failed++
			return errors.New("no")
		}
		return exec()
	}
	if runs, err := run(db, readOnly, func(ctx context.Context) error { return exec(ctx, `select 1`) }); runs != 1 || err != nil || failed != 1 {
		t.Errorf("ran %d times, error %v, failed %d times", runs, err, failed)
	}
	if _, err := run(db, once(), count); err != nil {
		t.Error(err)
	}
}

// TestADatabaseThatIsReadOnlyAnywayStaysSo, where the DSN says it.
//
// Mutation seen to fail it: turn query_only off, whatever it was before.
func TestADatabaseThatIsReadOnlyAnywayStaysSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	rw, err := sqliteadapter.Open(file, sqliteadapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, rw)
	for _, dsn := range []string{file + "?_query_only=1", "file:" + file + "?mode=ro"} {
		db, err := sqliteadapter.Open(dsn, sqliteadapter.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := run(db, readOnly, func(ctx context.Context) error { return exec(ctx, `select * from effect`) }); err != nil {
			t.Error(err)
		}
		runs, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, `insert into effect values (1)`) })
		if runs != 1 || err == nil || !strings.Contains(err.Error(), "readonly") || effects(t, rw) != 0 {
			t.Errorf("%s: ran %d times, error %v, %d effects", dsn, runs, err, effects(t, rw))
		}
	}
}
