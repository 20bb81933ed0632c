package mysqladapter

import (
	"database/sql/driver"
	"errors"
	"io"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/errtree"
	"github.com/reprise-go/reprise/internal/neterr"
	"github.com/reprise-go/reprise/retryable"
)

// Classify judges an error of MySQL, MariaDB, of what speaks their protocol, or of
// the driver: a pure function. In order it looks at the phase, at the error number,
// and at the text, the SQLSTATE or the server's version only where one number has two
// meanings. Errors it does not know are None, at phase Commit CommitUnknown. The table
// in docs/errors.md shows all of it.
//
// The SQLSTATE says little here: 1205 comes as HY000 and 1153 as a lost connection.
func Classify(f retryable.Fault) retryable.Reason { return judge(f).reason }

// unusable reports whether a connection must not be used again after an error.
func unusable(f retryable.Fault) bool { return judge(f).drop }

// deferred picks MySQL's answer to NOWAIT, which undoes that statement alone.
// MariaDB's is an ordinary lock wait timeout.
func deferred(err error) bool {
	e := serverError(err)
	return e != nil && e.Number == 3572
}

// verdict is what is to be thought of an error.
type verdict struct {
	reason   retryable.Reason
	definite bool // in answer to COMMIT: nothing was committed
	drop     bool // the connection must not be used again
}

func judge(f retryable.Fault) verdict {
	if f.Err == nil {
		return verdict{}
	}
	e := serverError(f.Err)
	if e == nil {
		return judgeDriver(f)
	}
	v := judgeServer(e, f)
	if f.Phase == retryable.Commit && !v.definite || v.reason == retryable.CommitUnknown {
		return verdict{reason: retryable.CommitUnknown, drop: true}
	}
	v.drop = v.drop || v.reason.Lost()
	return v
}

// serverError returns what the server said, nil if it said nothing. Of several in one
// tree one about a password counts, which must not be tried again and again; else the
// first.
func serverError(err error) *mysql.MySQLError {
	e, _ := errtree.Strictest(err, func(e *mysql.MySQLError) int {
		if e.Number == errAccessDenied {
			return 1
		}
		return 0
	})
	return e
}

// driverLost are the driver's own errors of a connection that is gone or out of step.
var driverLost = []error{
	mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrBusyBuffer,
	io.ErrShortWrite,
}

// judgeDriver judges what the server did not say.
func judgeDriver(f retryable.Fault) verdict {
	traits := neterr.Of(f.Err, driverLost...)
	switch {
	case f.Phase == retryable.Commit && !errors.Is(f.Err, driver.ErrBadConn): // of this driver alone: not a byte was sent
		return verdict{reason: retryable.CommitUnknown, drop: true}
	case traits.Has(neterr.Short):
		return verdict{reason: retryable.Overloaded}
	case traits.Has(neterr.Lost),
		f.Phase == retryable.Connect && traits.Has(neterr.DNS|neterr.NoFile|neterr.Timeout),
		traits.Has(neterr.Timeout) && !traits.Has(neterr.Deadline|neterr.Canceled):
		return verdict{reason: retryable.Disconnected, drop: true}
	}
	return verdict{}
}
