package pgadapter_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/dbproc/dbtest"
	"github.com/reprise-go/reprise/internal/pgserver/pgtest"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	if err := goleak.Find(goleak.IgnoreTopFunction("database/sql.(*Tx).awaitDone")); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// boom raises the SQLSTATE it is given.
const schema = `
	create table effect (attempt int);
	create table locked (id int primary key);
	insert into locked values (1);
	create function boom(code text) returns int language plpgsql as
		$$ begin raise exception 'boom' using errcode = code; end $$;
	create table tripwire (code text);
	create function trip() returns trigger language plpgsql as
		$$ begin perform boom(new.code); return new; end $$;
	create trigger trip before insert on tripwire for each row execute function trip();`

// bed is a pool and a DB on a schema of its own.
type bed struct {
	t    *testing.T
	pool *pgxpool.Pool
	db   *pgadapter.DB
	// statements counts what pgx was asked to send.
	statements atomic.Int64
}

var schemas atomic.Int64

func newBed(t *testing.T, cfg pgadapter.Config, configure ...func(*pgxpool.Config)) *bed {
	t.Helper()
	ctx := context.Background()
	b := &bed{t: t}
	name := fmt.Sprintf("adapter_%d", schemas.Add(1))
	url := pgtest.Shared(t).URL()
	conn, err := pgx.Connect(ctx, url+"&search_path="+name)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "create schema "+name+";"+schema); err != nil {
		t.Fatal(err)
	}
	b.pool = pgtest.Pool(t, url+"&search_path="+name, func(c *pgxpool.Config) {
		c.ConnConfig.Tracer = counter{&b.statements}
		for _, f := range configure {
			f(c)
		}
	})
	b.db = pgadapter.New(b.pool, cfg)
	t.Cleanup(b.checkClean)
	return b
}

type counter struct{ n *atomic.Int64 }

func (c counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (c counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// checkClean is rule 21: no connection in use, none in a transaction.
func (b *bed) checkClean() {
	const patience = 25 * time.Second // pgx may keep one for 15 s whose statement was cancelled before it had begun
	if !dbtest.Within(b.t, patience, "no connection is in use", func() bool { return b.pool.Stat().AcquiredConns() == 0 }) {
		b.t.FailNow()
	}
	for _, c := range b.pool.AcquireAllIdle(context.Background()) {
		if s := c.Conn().PgConn().TxStatus(); s != 'I' {
			b.t.Errorf("a pooled connection is in transaction status %c", s)
		}
		c.Release()
	}
}

// run calls txctx.Run with quick pauses and returns how often fn ran.
func (b *bed) run(o txctx.Options, fn func(ctx context.Context, tx pgx.Tx) error) (runs int, err error) {
	b.t.Helper()
	if o.Retry.Outage == (retryable.Backoff{}) {
		o.Retry.Outage = retryable.Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond}
	}
	err = txctx.Run(context.Background(), b.db, o, func(ctx context.Context) error {
		runs++
		return fn(ctx, pgadapter.Tx(ctx))
	})
	return runs, err
}

// effects returns the attempts whose effects are in the database.
func (b *bed) effects() []int {
	b.t.Helper()
	rows, err := b.pool.Query(context.Background(), `select attempt from effect order by attempt`)
	if err != nil {
		b.t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

func effect(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `insert into effect values ($1)`, txctx.AttemptOf(ctx).Number)
	return err
}
