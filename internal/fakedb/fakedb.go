// Package fakedb is a database without a server: a txctx.DB that remembers which
// statements were committed and fails where its script says so. Tests use it to
// see what a handler's attempts meet and what they leave behind.
//
//	db := fakedb.New(fakedb.Attempt{Statements: []error{fakedb.Fault(retryable.Deadlock)}})
//	err := txctx.Run(ctx, db, txctx.Options{}, func(ctx context.Context) error {
//		return fakedb.Tx(ctx).Exec(ctx, "insert")
//	})
//	db.Log()       // begin 1, exec insert: fake deadlock, rollback, begin 2, exec insert, commit
//	db.Committed() // insert
package fakedb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/reprise-go/reprise/retryable"
	"github.com/reprise-go/reprise/txctx"
)

// Attempt scripts what one attempt meets. In the zero value everything succeeds.
type Attempt struct {
	// Connect is what the first dials fail with, in order; later ones succeed.
	Connect []error

	// Statements is what the statements fail with, in order. A nil and those
	// beyond succeed. An error without a reason fails the transaction as in
	// PostgreSQL: later statements and COMMIT are refused by the server.
	Statements []error

	// Claim runs as part of claiming a key: to block, or to fail. none
	Claim func(ctx context.Context) error

	// Exec runs as part of every statement, with the context of the statement:
	// to block, or to fail by name. none
	Exec func(ctx context.Context, statement string) error

	// CommitErr is what COMMIT answers. Outcome says what became of it, and with
	// Unknown Applied says what really did. nil: committed
	CommitErr error
	Outcome   txctx.Outcome
	Applied   bool

	// Resolve is what is found out about an Unknown outcome. none: it cannot be
	Resolve func(ctx context.Context) (txctx.Outcome, error)

	// OnEnd is called when COMMIT or ROLLBACK is sent, with its context. none
	OnEnd func(ctx context.Context)

	// RollbackErr is what ROLLBACK returns. nil
	RollbackErr error

	// Judge is asked about the error a handler returned. none: it comes back unchanged
	Judge func(error) error

	// Repeat makes all further attempts meet the same. Only the last script of a
	// DB may have it.
	Repeat bool
}

// Fault returns a new error of the database, marked with reason; without a mark
// for retryable.None.
func Fault(reason retryable.Reason) error {
	err := fmt.Errorf("fake %v", reason)
	if reason == retryable.None {
		return err
	}
	return &retryable.Error{Reason: reason, Err: err}
}

// Faults returns n errors with the same reason.
func Faults(n int, reason retryable.Reason) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = Fault(reason)
	}
	return errs
}

// Always returns the script of a database in which every attempt meets a.
func Always(a Attempt) Attempt {
	a.Repeat = true
	return a
}

// DB is a fake database. Its methods may be called from any goroutine.
type DB struct {
	mu        sync.Mutex
	script    []Attempt
	log       []string
	committed []string
	open      int
	retention time.Duration // 0: no keys are kept
	keys      map[[32]byte]*claim
}

var (
	_ txctx.DB        = (*DB)(nil)
	_ txctx.KeyKeeper = (*DB)(nil)
)

// New returns a database whose attempts meet the script, one after the other,
// over all runs. Attempts beyond it succeed.
func New(script ...Attempt) *DB { return &DB{script: slices.Clone(script)} }

// Log returns what has reached the database, oldest first: "dial: ERROR", "ping",
// "begin N", "claim", "exec NAME", "savepoint NAME", "commit", "rollback" and the
// like.
// Statements that were refused without asking it are not in it.
func (db *DB) Log() []string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Clone(db.log)
}

// Committed returns the statements whose transactions were committed, in order.
func (db *DB) Committed() []string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Clone(db.committed)
}

// Open returns the number of transactions that were begun and have not ended.
func (db *DB) Open() int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.open
}

// Begin implements txctx.DB.
func (db *DB) Begin(ctx context.Context, c *txctx.Control) (context.Context, txctx.Tx) {
	tx := &transaction{db: db, c: c, script: db.next()}
	tx.cut, tx.cutOff = context.WithCancelCause(context.Background())
	ctx = context.WithValue(ctx, txKey{}, tx)
	if tx.script.Resolve != nil {
		return ctx, resolving{(*ending)(tx)}
	}
	return ctx, (*ending)(tx)
}

// next takes the script of the next attempt.
func (db *DB) next() Attempt {
	db.mu.Lock()
	defer db.mu.Unlock()
	if len(db.script) == 0 {
		return Attempt{}
	}
	a := db.script[0]
	if !a.Repeat {
		db.script = db.script[1:]
	}
	return a
}

func (db *DB) note(what string, err error) {
	if err != nil {
		what += ": " + err.Error()
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.log = append(db.log, what)
}

// begun counts the transactions that are open.
func (db *DB) begun(n int) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.open += n
}

func (db *DB) apply(statements []string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.committed = append(db.committed, statements...)
}

// ErrFailed is what a transaction answers that an error without a reason has
// failed, until it is rolled back.
var ErrFailed = errors.New("fake: the transaction has failed")
