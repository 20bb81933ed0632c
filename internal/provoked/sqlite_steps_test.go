package provoked_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"

	"github.com/reprise-go/reprise/sqliteadapter"
)

// liteAttempt and liteScenario save words.
type (
	liteAttempt  = attempt[*liteDB]
	liteScenario = scenario[*liteDB]
)

// liteExec runs statements in the attempt, the last of which is to fail.
func liteExec(statements ...string) func(a *liteAttempt) error {
	return func(a *liteAttempt) error {
		for i, query := range statements {
			_, err := sqliteadapter.Tx(a.ctx).ExecContext(a.ctx, query)
			if err != nil && i < len(statements)-1 {
				a.Errorf("%s: %v", query, err)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// liteLast is liteExec for a COMMIT that is to fail: all of them pass.
func liteLast(statements ...string) func(a *liteAttempt) error {
	return func(a *liteAttempt) error {
		if err := liteExec(statements...)(a); err != nil {
			a.Error(err)
		}
		return nil
	}
}

// liteKeeps and liteLoses look what SQLite undid where the corpus does not say it: of the
// statement alone, or of the transaction.
func liteKeeps(fail func(a *liteAttempt) error) func(a *liteAttempt) error {
	return liteUndoes(fail, false)
}
func liteLoses(fail func(a *liteAttempt) error) func(a *liteAttempt) error {
	return liteUndoes(fail, true)
}

func liteUndoes(fail func(a *liteAttempt) error, tx bool) func(a *liteAttempt) error {
	return func(a *liteAttempt) error {
		err := fail(a)
		if err != nil && a.db.locked(a.T) == tx {
			a.Errorf("SQLite has rolled back by itself: %v, want %v", !tx, tx)
		}
		return err
	}
}

// liteBeside has another connection begin a transaction, which is rolled back when the
// attempt is over.
func liteBeside(a *liteAttempt, file string, statements ...string) {
	conn := a.db.session(a.T, file)
	liteRun(a.T, conn, statements...)
	a.after(func() { liteRun(a.T, conn, "rollback") })
}

// liteReplace puts a copy in the place of the file, as a restored backup does.
func liteReplace(a *liteAttempt) {
	if err := errors.Join(liteCopyFile(a.db.file, a.db.file+".backup"), os.Rename(a.db.file+".backup", a.db.file)); err != nil {
		a.Error(err)
	}
}

func liteCopyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// liteOutlast has the caller lose patience with an endless statement, in the middle of
// it.
func liteOutlast(a *liteAttempt) error {
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	n := liteImpatient.Add(1)
	litePatience.Store(n, cancel)
	defer litePatience.Delete(n)
	_, err := sqliteadapter.Tx(ctx).ExecContext(ctx, `
		with recursive r (n) as (select 1 union all select n + 1 from r)
		insert into effect select n from r where n <> 1000 or lose_patience(?)`, n)
	return err
}

var (
	liteImpatient atomic.Int64
	litePatience  sync.Map // from number to context.CancelFunc
)

func init() {
	sqlite.MustRegisterScalarFunction("lose_patience", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		cancel, ok := litePatience.Load(args[0])
		if !ok {
			return nil, errors.New("nobody is that impatient")
		}
		cancel.(context.CancelFunc)()
		return int64(1), nil
	})
}
