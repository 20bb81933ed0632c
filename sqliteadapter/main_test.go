package sqliteadapter_test

import (
	"context"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/sqliteadapter"
	"github.com/reprise-go/reprise/txctx"
)

// database/sql keeps a goroutine for the transaction that those get who have none.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*Tx).awaitDone"))
}

// open returns a DB on a file of its own, with a counter and a list of effects.
func open(t *testing.T, params string) *sqliteadapter.DB {
	t.Helper()
	db, err := sqliteadapter.Open(filepath.Join(t.TempDir(), "test.db")+params, sqliteadapter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, db)
	return db
}

// prepare makes the tables, and looks in the end whether anything was left behind.
func prepare(t *testing.T, db *sqliteadapter.DB) {
	t.Helper()
	t.Cleanup(func() {
		if n := db.SQL().Stats().InUse; n != 0 {
			t.Errorf("%d connections in use", n)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	tables(t, db)
}

func tables(t *testing.T, db *sqliteadapter.DB) {
	t.Helper()
	if _, err := db.SQL().Exec(`
		create table counter (n int not null); insert into counter values (0);
		create table effect (attempt int);
		create table parent (id int primary key);
		create table child (id int references parent(id) deferrable initially deferred);`); err != nil {
		t.Fatal(err)
	}
}

func exec(ctx context.Context, q string, args ...any) error {
	_, err := sqliteadapter.Tx(ctx).ExecContext(ctx, q, args...)
	return err
}

// count reads, thinks and writes.
func count(ctx context.Context) error {
	var n int
	if err := sqliteadapter.Tx(ctx).QueryRowContext(ctx, `select n from counter`).Scan(&n); err != nil {
		return err
	}
	return exec(ctx, `update counter set n = ?`, n+1)
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
