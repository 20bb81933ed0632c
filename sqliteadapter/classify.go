package sqliteadapter

import (
	"database/sql/driver"
	"errors"

	"github.com/reprise-go/reprise/retryable"
)

// Result codes of SQLite (https://www.sqlite.org/rescode.html).
const (
	codeInternal      = 2
	codeBusy          = 5
	codeLocked        = 6
	codeIOErr         = 10
	codeCorrupt       = 11
	codeFull          = 13
	codeProtocol      = 15
	codeSchema        = 17
	codeNotADB        = 26
	codeErrorRetry    = 513
	codeBusySnapshot  = 517
	codeReadOnlyMoved = 1032
	codeIOErrNoMem    = 3082
)

// lockingIOErr are failures of the locks on the file, not of the file.
var lockingIOErr = map[int]bool{2314: true, 3594: true, 3850: true, 5130: true}

// Classify judges an error of SQLite by its extended result code: a pure function.
// It knows every error in whose tree something has a method Code() int, which is
// how the drivers tell it. Errors it does not know are None, at phase Commit
// CommitUnknown. The table in docs/errors.md shows all of it.
func Classify(f retryable.Fault) retryable.Reason {
	if f.Err == nil {
		return retryable.None
	}
	commit := f.Phase == retryable.Commit
	if _, ok := errors.AsType[*rolledBackError](f.Err); ok {
		commit = false // whatever comes then, nothing is committed
	}
	code, ok := codeOf(f.Err)
	switch {
	case ok && commit && undecided(code):
		return retryable.CommitUnknown
	case ok:
		return judge(code)
	case f.Phase == retryable.Commit:
		return retryable.CommitUnknown
	case errors.Is(f.Err, driver.ErrBadConn):
		return retryable.Disconnected
	}
	return retryable.None
}

// unusable reports whether a connection must not be used again after an error: its file
// is damaged, or none of SQLite's.
func unusable(f retryable.Fault) bool {
	code, ok := codeOf(f.Err)
	return ok && (code&0xff == codeCorrupt || code&0xff == codeNotADB)
}

// codeOf returns the extended result code of an error of SQLite.
func codeOf(err error) (code int, ok bool) {
	coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	if !ok {
		return 0, false
	}
	return coded.Code(), true
}

// undecided reports whether a COMMIT that answers code may have been done, or half of
// it, so that the next who opens the file decides.
func undecided(code int) bool {
	switch code & 0xff {
	case codeIOErr, codeCorrupt, codeNotADB, codeInternal:
		return true
	}
	return code == codeReadOnlyMoved
}

func judge(code int) retryable.Reason {
	switch code {
	case codeBusySnapshot, codeErrorRetry: // waiting never helps, beginning again does
		return retryable.Serialization
	case codeReadOnlyMoved: // the file was put in another place
		return retryable.Failover
	case codeIOErrNoMem:
		return retryable.Overloaded
	}
	switch code & 0xff {
	case codeBusy, codeLocked, codeProtocol:
		return retryable.LockTimeout
	case codeSchema:
		return retryable.Serialization
	case codeFull:
		return retryable.Overloaded
	case codeIOErr:
		if lockingIOErr[code] {
			return retryable.LockTimeout
		}
	}
	return retryable.None
}
