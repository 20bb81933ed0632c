package sqliteadapter

import (
	"database/sql/driver"
	"errors"

	"github.com/reprise-go/reprise/retryable"
)

// Result codes of SQLite (https://www.sqlite.org/rescode.html).
const (
	codeBusy          = 5
	codeLocked        = 6
	codeIOErr         = 10
	codeFull          = 13
	codeProtocol      = 15
	codeSchema        = 17
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
// CommitUnknown.
func Classify(f retryable.Fault) retryable.Reason {
	if f.Err == nil {
		return retryable.None
	}
	if _, ok := errors.AsType[*rolledBackError](f.Err); ok {
		f.Phase = retryable.Statement // whatever comes then, nothing is committed
	}
	var coded interface {
		error
		Code() int
	}
	if errors.As(f.Err, &coded) {
		return judge(coded.Code(), f.Phase)
	}
	switch {
	case f.Phase == retryable.Commit:
		return retryable.CommitUnknown
	case errors.Is(f.Err, driver.ErrBadConn):
		return retryable.Disconnected
	}
	return retryable.None
}

func judge(code int, phase retryable.Phase) retryable.Reason {
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
		switch {
		case lockingIOErr[code]:
			return retryable.LockTimeout
		case phase == retryable.Commit:
			return retryable.CommitUnknown
		}
	}
	return retryable.None
}
