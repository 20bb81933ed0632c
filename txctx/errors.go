package txctx

import "errors"

var (
	// ErrNoTransaction is what every method of an adapter's Tx(ctx) answers
	// where ctx belongs to no attempt: the handler is not wrapped by the
	// middleware, or the context is another one.
	ErrNoTransaction = errors.New("reprise: no transaction in this context: it does not come from txctx.Run or from a request that passed the middleware")

	// ErrManaged is answered to a handler that tries to commit or roll back the
	// transaction of its attempt, which belongs to Run; use [Commit] and
	// [Rollback] of this package. It is also the error of an attempt whose
	// transaction was ended behind Run's back, by a COMMIT or ROLLBACK sent as
	// text: that attempt fails without replay.
	ErrManaged = errors.New("reprise: the transaction belongs to Run and is not the handler's to commit or roll back")

	// ErrAttemptOver is answered to a goroutine that uses a transaction, a
	// request body or a response after the end of their attempt.
	ErrAttemptOver = errors.New("reprise: the attempt is over")

	// ErrAttemptTimeout is the cause of an attempt's context when
	// Policy.AttemptTimeout has passed.
	ErrAttemptTimeout = errors.New("reprise: the attempt took longer than Policy.AttemptTimeout")
)

// errLeft is what observers see of an attempt that did not reach its end.
var errLeft = errors.New("reprise: the function panicked or called runtime.Goexit")

// errRolledBack is for adapters that roll back and do not say why.
var errRolledBack = errors.New("reprise: the transaction was rolled back instead of committed")

// OutcomeUnknownError says that nobody can say what became of an attempt: COMMIT was sent,
// and everything it did is in the database, or nothing; or a statement may have committed
// a part of it, see [Control.Fence]. Run returns it, as *OutcomeUnknownError, when the
// outcome could not be looked up and the run is not declared Idempotent. It is not
// retryable.ErrRetry.
type OutcomeUnknownError struct {
	// Err is what happened instead of an answer to COMMIT, and why the outcome could
	// not be found out.
	Err error
	// Run names the run, for whoever will look: it is the id in the ledger.
	Run RunID
	// Keyed says that the run had a [Key], so that running it again with the same key is
	// safe: it gets the answer of this one if that was committed.
	Keyed bool
}

// Error says that the outcome is unknown, and why.
func (e OutcomeUnknownError) Error() string {
	msg := "outcome of COMMIT unknown"
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns Err.
func (e OutcomeUnknownError) Unwrap() error { return e.Err }
