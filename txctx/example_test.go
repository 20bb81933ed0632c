package txctx_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/internal/fakedb"
	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// exampleDB is a database whose first attempt meets a deadlock.
func exampleDB() *fakedb.DB {
	return fakedb.New(fakedb.Attempt{Statements: fakedb.Faults(1, retryable.Deadlock)})
}

func ExampleRun() {
	db := exampleDB()
	err := txctx.Run(context.Background(), db, txctx.Options{}, func(ctx context.Context) error {
		return fakedb.Tx(ctx).Exec(ctx, "insert")
	})
	fmt.Println(err)
	for _, line := range db.Log() {
		fmt.Println(line)
	}
	// Output:
	// <nil>
	// begin 1
	// exec insert: fake deadlock
	// rollback
	// begin 2
	// exec insert
	// commit
}

func ExampleFail() {
	errStock := errors.New("out of stock")
	db := fakedb.New()
	err := txctx.Run(context.Background(), db, txctx.Options{}, func(ctx context.Context) error {
		_ = fakedb.Tx(ctx).Exec(ctx, "insert")
		txctx.Fail(ctx, errStock)
		return nil // an http.Handler cannot return an error
	})
	fmt.Println(err, db.Committed())
	// Output: out of stock []
}

func ExampleRollback() {
	db := fakedb.New()
	err := txctx.Run(context.Background(), db, txctx.Options{}, func(ctx context.Context) error {
		_ = fakedb.Tx(ctx).Exec(ctx, "insert")
		txctx.Rollback(ctx) // show the form again
		return nil
	})
	fmt.Println(err, db.Committed())
	// Output: <nil> []
}

func ExampleCommit() {
	db := fakedb.New()
	answer := 401
	o := txctx.Options{Veto: func() bool { return answer >= 400 }}
	err := txctx.Run(context.Background(), db, o, func(ctx context.Context) error {
		_ = fakedb.Tx(ctx).Exec(ctx, "count the failed login")
		txctx.Commit(ctx) // although the answer is 401
		return nil
	})
	fmt.Println(err, db.Committed())
	// Output: <nil> [count the failed login]
}

func ExampleAfterCommit() {
	_ = txctx.Run(context.Background(), exampleDB(), txctx.Options{}, func(ctx context.Context) error {
		n := txctx.AttemptOf(ctx).Number
		txctx.AfterCommit(ctx, func(context.Context) { fmt.Println("send the mail of attempt", n) })
		return fakedb.Tx(ctx).Exec(ctx, "insert")
	})
	// Output: send the mail of attempt 2
}

func ExampleDisableReplay() {
	err := txctx.Run(context.Background(), exampleDB(), txctx.Options{}, func(ctx context.Context) error {
		txctx.DisableReplay(ctx, "the card was charged")
		return fakedb.Tx(ctx).Exec(ctx, "insert")
	})
	fmt.Println(err)
	// Output: gave up after attempt 1 (replay disabled: the card was charged): fake deadlock
}

func ExampleOnce() {
	calls := 0
	_ = txctx.Run(context.Background(), exampleDB(), txctx.Options{}, func(ctx context.Context) error {
		id, err := txctx.Once(ctx, "order id", func() (int, error) {
			calls++
			return 41 + calls, nil
		})
		if err != nil {
			return err
		}
		fmt.Println("order", id)
		return fakedb.Tx(ctx).Exec(ctx, "insert")
	})
	// Output:
	// order 42
	// order 42
}

func ExampleAttemptOf() {
	_ = txctx.Run(context.Background(), exampleDB(), txctx.Options{}, func(ctx context.Context) error {
		a := txctx.AttemptOf(ctx)
		fmt.Println(a.Number, "of", a.Max, a.Last(), a.Errs)
		return fakedb.Tx(ctx).Exec(ctx, "insert")
	})
	fmt.Println(txctx.AttemptOf(context.Background()).Number)
	// Output:
	// 1 of 6 false []
	// 2 of 6 false [fake deadlock]
	// 0
}
