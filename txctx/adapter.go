package txctx

import "context"

// DB is a database that Run can begin transactions on. Adapters implement it.
// Two DBs are the same if they are ==.
type DB interface {
	// Begin prepares the transaction of one attempt and returns ctx with the
	// adapter's typed transaction in it. It does no I/O: BEGIN is for the first
	// statement, and its failure dooms c.
	Begin(ctx context.Context, c *Control) (context.Context, Tx)
}

// Tx is how the engine ends the transaction of an attempt. The engine calls it
// from the goroutine of Run, after the attempt is over for everybody else, and
// calls Rollback at most once more after Commit.
//
// Every method first waits for a statement that some goroutine may still have
// under way, after cutting it off, and leaves no connection in a transaction.
type Tx interface {
	// Commit commits and says what became of it. A transaction that was never
	// begun is Committed. With RolledBack the error says why, and is
	// retryable.ErrRetry where a replay can help. With Unknown the error is what
	// happened instead of an answer.
	Commit(ctx context.Context) (Outcome, error)

	// Rollback rolls back. It does nothing where nothing was begun, or where
	// the transaction has ended. Whatever it returns, the connection is either
	// clean or closed.
	Rollback(ctx context.Context) error

	// Judge is asked about the error a handler returned, if that is not
	// retryable.ErrRetry. Where the transaction failed or died without the
	// adapter having seen the cause, it classifies err and returns it marked;
	// otherwise it returns err.
	Judge(err error) error
}

// Resolver is what a [Tx] may implement to find out what became of a COMMIT that got
// no answer.
type Resolver interface {
	// Resolve is called after Commit returned Unknown, and looks once. RolledBack is a
	// promise: nothing of the attempt is in the database, and nothing will be, however
	// late its COMMIT arrives.
	//
	// Unknown comes with the error that is why. Where that has a reason, or ctx has
	// ended, Resolve is called again after a pause, for Policy.ResolveFor in all. ctx
	// ends sooner, since a network that has gone silent must not take all that time:
	// after 2 s, and later each time that this was too short.
	Resolve(ctx context.Context) (Outcome, error)
}

// Outcome is what became of an attempt's transaction.
type Outcome uint8

const (
	// RolledBack: nothing of the attempt is in the database.
	RolledBack Outcome = iota
	// Committed: everything is, or nothing was to be done.
	Committed
	// Unknown: COMMIT was sent, and nobody can say.
	Unknown
)

// String returns "rolled_back", "committed" or "unknown".
func (o Outcome) String() string {
	switch o {
	case RolledBack:
		return "rolled_back"
	case Committed:
		return "committed"
	case Unknown:
		return "unknown"
	}
	return "outcome(?)"
}
