package pgadapter

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/reprise-go/reprise/retryable"
)

// Classify judges an error of PostgreSQL or pgx: a pure function. In order it
// looks at the phase, at the severity, at the SQLSTATE, and at the text only
// where one code has two meanings. Errors it does not know are None.
//
// At phase Commit nothing but the server's own refusal (severity ERROR) is a
// reason to replay; every other failure is CommitUnknown.
func Classify(f retryable.Fault) retryable.Reason {
	if f.Err == nil || errors.Is(f.Err, pgx.ErrTxClosed) || errors.Is(f.Err, pgx.ErrTxCommitRollback) {
		return retryable.None
	}
	pgErr, server := errors.AsType[*pgconn.PgError](f.Err)
	if f.Phase == retryable.Commit {
		if server && !fatal(pgErr) {
			return refusal(pgErr, f)
		}
		return retryable.CommitUnknown
	}
	if server {
		return judgeServer(pgErr, f)
	}
	return judgeDriver(f)
}

// refusal judges an ERROR in answer to COMMIT, which is a definite rollback but
// for two codes that say themselves that they do not know.
func refusal(e *pgconn.PgError, f retryable.Fault) retryable.Reason {
	switch reason := judgeServer(e, f); reason {
	case retryable.Disconnected, retryable.Failover:
		return retryable.CommitUnknown
	default:
		return reason
	}
}

// byCode holds the SQLSTATEs whose meaning needs no second look
// (PostgreSQL docs, appendix A).
var byCode = map[string]retryable.Reason{
	"40000": retryable.Serialization,
	"40001": retryable.Serialization,
	"40P01": retryable.Deadlock,
	"55P03": retryable.LockTimeout,
	"40003": retryable.CommitUnknown,
	"08007": retryable.CommitUnknown,
	"26000": retryable.Serialization, // the server behind a pooler was swapped
	"72000": retryable.Serialization, // snapshot too old
	"53000": retryable.Overloaded,
	"53100": retryable.Overloaded,
	"53200": retryable.Overloaded,
	"53300": retryable.Overloaded,
	"58000": retryable.Overloaded,
	"58030": retryable.Overloaded,
	"57000": retryable.Disconnected,
	"57P01": retryable.Failover,
	"57P02": retryable.Failover,
	"57P03": retryable.Failover,
	"57P05": retryable.Disconnected,
	"25P03": retryable.Disconnected, // nothing ran; the stall may have been ours

	"57P04": retryable.None, // the database was dropped
	"25P04": retryable.None, // a limit that a replay would meet again
	"57014": retryable.None,
	"28000": retryable.None,
	"28P01": retryable.None,
	"3D000": retryable.None,
}

// byText holds the codes whose text decides, as lower-case fragments.
var byText = map[string][]struct {
	fragment string
	reason   retryable.Reason
}{
	"0A000": {
		{"cached plan must not change result type", retryable.Serialization},
		{"during recovery", retryable.Failover},
	},
	"25006": {{"during recovery", retryable.Failover}},
	"55000": {{"recovery is in progress", retryable.Failover}},
	"55006": {{"being accessed by other users", retryable.LockTimeout}},
	"XX000": {
		{"tuple concurrently", retryable.Serialization},
		{"during recovery", retryable.Failover},
	},
}

func judgeServer(e *pgconn.PgError, f retryable.Fault) retryable.Reason {
	for _, t := range byText[e.Code] {
		if strings.Contains(strings.ToLower(e.Message), t.fragment) {
			return t.reason
		}
	}
	// Without a READ ONLY transaction of ours it is the server that takes no
	// writes: a standby, or a primary on its way down.
	if e.Code == "25006" && !f.ReadOnly {
		return retryable.Failover
	}
	if reason, ok := byCode[e.Code]; ok {
		return reason
	}
	if fatal(e) {
		return retryable.Disconnected
	}
	return retryable.None // also 08xxx with severity ERROR: dblink talks of its own link
}

func fatal(e *pgconn.PgError) bool {
	severity := e.SeverityUnlocalized
	if severity == "" { // before 9.6, and poolers
		severity = e.Severity
	}
	return severity == "FATAL" || severity == "PANIC"
}

// lossErrnos are system errors of a connection that is gone or cannot be made.
var lossErrnos = []error{
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENOENT,
	io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, pgconn.ErrConnClosed,
	driver.ErrBadConn, // what pgx's stdlib makes of some of them
}

var overloadErrnos = []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL}

func judgeDriver(f retryable.Fault) retryable.Reason {
	err := f.Err
	if errors.Is(err, puddle.ErrClosedPool) {
		return retryable.None
	}
	for _, target := range overloadErrnos {
		if errors.Is(err, target) {
			return retryable.Overloaded
		}
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	if errors.Is(err, syscall.ENOENT) && !connecting {
		return retryable.None // a file of the application's
	}
	for _, target := range lossErrnos {
		if errors.Is(err, target) {
			return retryable.Disconnected
		}
	}
	if _, ok := errors.AsType[*pgconn.NotPreferredError](err); ok ||
		connecting && strings.Contains(err.Error(), "ValidateConnect failed") {
		return retryable.Failover
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok && f.Phase == retryable.Connect {
		return retryable.Disconnected // names vanish during a failover
	}
	return judgeTimeout(f, connecting)
}

// judgeTimeout judges what is left: limits of time. The adapter asks only while
// the caller's own context is alive, so the limit was the connection's or the
// pool's.
func judgeTimeout(f retryable.Fault, connecting bool) retryable.Reason {
	deadline := errors.Is(f.Err, context.DeadlineExceeded)
	netErr, isNet := errors.AsType[net.Error](f.Err)
	timeout := deadline || isNet && netErr.Timeout()
	switch {
	case !timeout || errors.Is(f.Err, context.Canceled):
		return retryable.None
	case f.Phase != retryable.Connect:
		if deadline { // the statement's own limit
			return retryable.None
		}
		return retryable.Disconnected
	case connecting:
		return retryable.Disconnected
	}
	return retryable.Overloaded
}
