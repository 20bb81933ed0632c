package sqliteadapter_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// TestAnInterruptedWriteTakesTheTransactionWithIt: nothing that the handler sends
// afterwards may land.
//
// Mutation seen to fail it: do not doom on context errors.
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

// TestSQLiteRollsBackByItself, for a reason that is none to replay. What the handler
// sends afterwards would land in autocommit, by every way there is to send it.
//
// Mutation seen to fail it: do not listen to the rollback hook.
func TestSQLiteRollsBackByItself(t *testing.T) {
	for name, next := range map[string]func(ctx context.Context, prepared *sql.Stmt) error{
		"exec": func(ctx context.Context, _ *sql.Stmt) error { return exec(ctx, `insert into effect values (2)`) },
		"query": func(ctx context.Context, _ *sql.Stmt) error {
			var n int
			return sqliteadapter.Tx(ctx).QueryRowContext(ctx, `insert into effect values (2) returning attempt`).Scan(&n)
		},
		"prepare": func(ctx context.Context, _ *sql.Stmt) error {
			_, err := sqliteadapter.Tx(ctx).PrepareContext(ctx, `insert into effect values (2)`)
			return err
		},
		"prepared exec": func(ctx context.Context, prepared *sql.Stmt) error {
			_, err := prepared.ExecContext(ctx, 2)
			return err
		},
		"prepared query": func(ctx context.Context, prepared *sql.Stmt) error {
			var n int
			return prepared.QueryRowContext(ctx, 2).Scan(&n)
		},
		"savepoint": func(ctx context.Context, _ *sql.Stmt) error { return exec(ctx, `savepoint a`) },
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, "")
			runs, err := run(db, txctx.Options{}, func(ctx context.Context) error {
				stmt, err := sqliteadapter.Tx(ctx).PrepareContext(ctx, `insert into effect values (?) returning attempt`)
				if err != nil {
					return err
				}
				defer stmt.Close()
				if err := exec(ctx, `insert into effect values (1)`); err != nil {
					return err
				}
				if err := exec(ctx, `insert or rollback into parent values (1), (1)`); err == nil {
					t.Error("no constraint failed")
				}
				if err := next(ctx, stmt); err == nil || !strings.Contains(err.Error(), "rolled the transaction back: constraint failed") {
					t.Errorf("the next statement: %v", err)
				}
				return nil // swallowed
			})
			if runs != 1 || err == nil || !strings.Contains(err.Error(), "UNIQUE") || effects(t, db) != 0 {
				t.Errorf("ran %d times, error %v, %d effects", runs, err, effects(t, db))
			}
		})
	}
}

// TestOutsideOfAttemptsATransactionPassesThrough, text and all.
func TestOutsideOfAttemptsATransactionPassesThrough(t *testing.T) {
	db := open(t, "")
	tx, err := db.SQL().Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{`insert into effect values (1)`, `rollback`, `begin`, `insert into effect values (2)`} {
		if _, err := tx.Exec(q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	if err := tx.Commit(); err != nil || effects(t, db) != 1 {
		t.Errorf("%v, %d effects", err, effects(t, db))
	}
}

// TestADatabaseInMemoryOutlivesWhatEndsTransactions: its connection is all there
// is of it.
//
// Mutation seen to fail it: send ROLLBACK where SQLite has rolled back by itself.
func TestADatabaseInMemoryOutlivesWhatEndsTransactions(t *testing.T) {
	db, err := sqliteadapter.Open(":memory:", sqliteadapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, db)
	if _, err := run(db, txctx.Options{}, func(ctx context.Context) error { return exec(ctx, `insert into effect values (1)`) }); err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(ctx context.Context) error{
		"interrupted": func(ctx context.Context) error {
			short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			defer cancel()
			return exec(short, `with recursive r(n) as (select 1 union all select n+1 from r) insert into effect select n from r`)
		},
		"or rollback": func(ctx context.Context) error { return exec(ctx, `insert or rollback into parent values (1), (1)`) },
		"constraint":  func(ctx context.Context) error { return exec(ctx, `insert into parent values (1), (1)`) },
		"foreign key": func(ctx context.Context) error { return exec(ctx, `insert into child values (7)`) },
		"in the midst of rows": func(ctx context.Context) error {
			rows, err := sqliteadapter.Tx(ctx).QueryContext(ctx, `select value from json_each('[1,2,3]')`)
			if err != nil {
				return err
			}
			rows.Next()
			return errors.New("changed my mind") // rows left open
		},
	} {
		for _, readOnly := range []bool{false, true} {
			_, err := run(db, txctx.Options{ReadOnly: readOnly}, end)
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			if n := effects(t, db); n != 1 {
				t.Fatalf("%s, read only %t: %d effects are left of one", name, readOnly, n)
			}
		}
	}
}

// TestARollbackBetweenStatements, which none of them has reported.
//
// Mutation seen to fail it: look for rollbacks after statements that fail only.
func TestARollbackBetweenStatements(t *testing.T) {
	db := open(t, "")
	c, err := db.SQL().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tx, err := c.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Raw(func(dc any) error {
		for {
			outer, ok := dc.(interface{ Raw() driver.Conn })
			if !ok {
				_, err := dc.(driver.ExecerContext).ExecContext(t.Context(), "rollback", nil)
				return err
			}
			dc = outer.Raw()
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`insert into effect values (1)`); err == nil || !strings.Contains(err.Error(), "rolled the transaction back") {
		t.Error(err)
	}
	if err := tx.Commit(); err == nil || effects(t, db) != 0 {
		t.Errorf("%v, %d effects", err, effects(t, db))
	}
}
