package txtest

import (
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/retryable"
)

// Plan is what a test wants to go wrong, for [Wrap]. Each of its faults comes once: to
// the first attempt with its number that gets so far, of whatever request.
//
//	txtest.Plan{
//		{Attempt: 1, Statement: 2, Reason: retryable.Deadlock},
//		{Attempt: 2, AtConnect: true, Reason: retryable.Disconnected},
//		{Attempt: 3, AtCommit: true, Reason: retryable.CommitUnknown, Applied: true},
//	}
type Plan []Fault

// Fault is one thing that goes wrong in an attempt. It has one place: Statement,
// AtConnect or AtCommit.
type Fault struct {
	// Attempt is the number of the attempt, from 1. Required
	Attempt int

	// Statement is the number of the statement that is not sent, but answered with
	// the fault; the first of the attempt is 1.
	Statement int

	// AtConnect refuses a connection: the attempt is doomed before its first
	// statement, or dials again where Policy.ConnectWait says so.
	AtConnect bool

	// AtCommit answers COMMIT. An attempt that never began a transaction has none.
	AtCommit bool

	// Reason is what the attempt is doomed for. CommitUnknown, AtCommit only, leaves
	// the answer to COMMIT out. Required
	Reason retryable.Reason

	// Applied is for CommitUnknown: COMMIT has taken effect nevertheless. Without it
	// the transaction is rolled back. false
	Applied bool

	// Err is the error beneath the mark with Reason, for handlers that ask for their
	// driver's, by errors.As. an error that says which fault it is
	Err error
}

// String tells the fault in words: "deadlock at statement 2 of attempt 1".
func (f Fault) String() string {
	reason, place := f.Reason.String(), fmt.Sprintf("statement %d", f.Statement)
	switch {
	case f.Applied:
		reason += " (applied)"
	case f.Reason == retryable.CommitUnknown:
		reason += " (not applied)"
	}
	switch {
	case f.AtConnect:
		place = "connect"
	case f.AtCommit:
		place = "COMMIT"
	}
	return fmt.Sprintf("%s at %s of attempt %d", reason, place, f.Attempt)
}

// answer is what the database is made to answer.
func (f Fault) answer() error {
	err := f.Err
	if err == nil {
		err = errors.New("txtest: planned " + f.String())
	}
	return &retryable.Error{Reason: f.Reason, Err: err}
}

// validate panics naming the first field that cannot work.
func (p Plan) validate() {
	for i, f := range p {
		if field := f.wrong(); field != "" {
			panic(fmt.Sprintf("txtest: Wrap: Plan[%d].%s", i, field))
		}
	}
}

// wrong names the first field that cannot work, and says why.
func (f Fault) wrong() string {
	places := 0
	for _, chosen := range []bool{f.Statement != 0, f.AtConnect, f.AtCommit} {
		if chosen {
			places++
		}
	}
	unknown := f.Reason == retryable.CommitUnknown
	switch {
	case f.Attempt < 1:
		return fmt.Sprintf("Attempt is %d: attempts are numbered from 1", f.Attempt)
	case f.Statement < 0:
		return fmt.Sprintf("Statement is %d: statements are numbered from 1", f.Statement)
	case places == 0:
		return "Statement is 0, and neither AtConnect nor AtCommit is set: where does it go wrong?"
	case places > 1:
		return "Statement, AtConnect and AtCommit exclude each other"
	case unknown && !f.AtCommit:
		return "Reason is commit_unknown, which can be met AtCommit only"
	case !unknown && !f.Reason.Replayable():
		return fmt.Sprintf("Reason is %v, which dooms no attempt", f.Reason)
	case f.Applied && !unknown:
		return "Applied is for commit_unknown only"
	}
	return ""
}
