package retryable

// Phase is the part of an attempt in which an error arose. The same error means
// different things before and after COMMIT was sent.
type Phase uint8

const (
	// Connect: getting a connection and beginning the transaction on it.
	Connect Phase = iota
	// Statement: anything inside the transaction.
	Statement
	// Commit: COMMIT was sent.
	Commit
)

// String returns "connect", "statement" or "commit".
func (p Phase) String() string {
	switch p {
	case Connect:
		return "connect"
	case Statement:
		return "statement"
	case Commit:
		return "commit"
	}
	return "phase(?)"
}

// Fault is what a [Classifier] is asked about: an error and the circumstances
// that change its meaning.
type Fault struct {
	// Err is the error as the driver returned it. Classifiers look through its
	// whole tree.
	Err error
	// Phase is where it arose.
	Phase Phase
	// ReadOnly is true where the transaction was begun READ ONLY, so that a
	// refused write is the program's fault and not a standby's.
	ReadOnly bool
	// Server is the server's version string where the adapter knows it, since
	// relatives of one database give the same number different meanings.
	Server string
}

// Classifier judges a database error. It does no I/O and may be called from
// many goroutines. [None] means: a replay will not help, or not known.
type Classifier func(Fault) Reason

// Or returns a Classifier that asks c first and leaves the verdict to next where c
// says [None]. A nil c leaves it to next always.
func (c Classifier) Or(next Classifier) Classifier {
	if c == nil {
		return next
	}
	return func(f Fault) Reason {
		if reason := c(f); reason != None {
			return reason
		}
		return next(f)
	}
}
