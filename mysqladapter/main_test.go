package mysqladapter_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/mariaserver/mariatest"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(suite{m}, goleak.IgnoreTopFunction("database/sql.(*Tx).awaitDone"))
}

// suite closes the shared server before goroutines are counted.
type suite struct{ m *testing.M }

func (s suite) Run() int { return mariatest.Main(s.m) }

// bed is a DB on a database of its own.
type bed struct {
	t   *testing.T
	db  *mysqladapter.DB
	dsn string
}

func newBed(t *testing.T, cfg mysqladapter.Config) *bed {
	t.Helper()
	return bedOn(t, mariatest.Database(t, mariatest.Shared(t)), cfg)
}

func bedOn(t *testing.T, dsn string, cfg mysqladapter.Config) *bed {
	t.Helper()
	db, err := mysqladapter.Open(dsn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := db.SQL().Stats().InUse; n != 0 {
			t.Errorf("%d connections in use", n)
		}
		_ = db.Close()
	})
	b := &bed{t, db, dsn}
	for _, q := range []string{
		`create table effect (attempt int) engine=innodb`,
		`create table counter (id int primary key, n int not null) engine=innodb`,
		`insert into counter values (1, 0), (2, 0)`,
	} {
		b.outside(q)
	}
	return b
}

// outside runs a statement outside of any attempt.
func (b *bed) outside(q string, args ...any) {
	b.t.Helper()
	if _, err := b.db.SQL().Exec(q, args...); err != nil {
		b.t.Fatal(err)
	}
}

// number runs a query for a number outside of any attempt.
func (b *bed) number(q string) (n int, err error) {
	err = b.db.SQL().QueryRow(q).Scan(&n)
	return n, err
}

func (b *bed) effects() int {
	b.t.Helper()
	n, err := b.number(`select count(*) from effect`)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// other begins a transaction of somebody else.
func (b *bed) other() *sql.Tx {
	b.t.Helper()
	tx, err := b.db.SQL().Begin()
	if err != nil {
		b.t.Fatal(err)
	}
	return tx
}

func (b *bed) run(o txctx.Options, fn func(ctx context.Context) error) (runs int, err error) {
	o.Retry.Outage = retryable.Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond}
	err = txctx.Run(context.Background(), b.db, o, func(ctx context.Context) error {
		runs++
		return fn(ctx)
	})
	return runs, err
}

func exec(ctx context.Context, q string, args ...any) error {
	_, err := mysqladapter.Tx(ctx).ExecContext(ctx, q, args...)
	return err
}

func effect(ctx context.Context) error {
	return exec(ctx, `insert into effect values (?)`, txctx.AttemptOf(ctx).Number)
}

func number(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// until waits for what is to come soon.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	dbtest.Within(t, 5*time.Second, what, ok)
}
