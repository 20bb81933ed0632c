package mysqladapter

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/retryable"
)

// byNumber holds the error numbers whose meaning needs no second look (MySQL error
// message reference; MariaDB error codes).
var byNumber = map[uint16]retryable.Reason{
	1213: retryable.Deadlock,
	1614: retryable.Deadlock, // XA_RBDEADLOCK
	3058: retryable.Deadlock, // of user-level locks
	1205: retryable.LockTimeout,
	3572: retryable.LockTimeout,   // NOWAIT
	1020: retryable.Serialization, // MariaDB, innodb_snapshot_isolation
	1412: retryable.Serialization,
	1615: retryable.Serialization,
	1243: retryable.Serialization,
	3101: retryable.Serialization,

	1040: retryable.Overloaded,
	1041: retryable.Overloaded,
	1037: retryable.Overloaded,
	1135: retryable.Overloaded,
	1021: retryable.Overloaded,
	1206: retryable.Overloaded,
	1297: retryable.Overloaded,
	1461: retryable.Overloaded,
	1637: retryable.Overloaded,

	1042: retryable.Disconnected,
	1043: retryable.Disconnected,
	1080: retryable.Disconnected,
	1152: retryable.Disconnected,
	1158: retryable.Disconnected,
	1159: retryable.Disconnected,
	1160: retryable.Disconnected,
	1161: retryable.Disconnected,
	1184: retryable.Disconnected,
	1927: retryable.Disconnected,
	2006: retryable.Disconnected,
	2013: retryable.Disconnected,
	2014: retryable.Disconnected,
	2027: retryable.Disconnected,
	2055: retryable.Disconnected,

	1053: retryable.Failover,
	1077: retryable.Failover,
	1079: retryable.Failover,
	1836: retryable.Failover,
	1874: retryable.Failover,
	2003: retryable.Failover,
	3032: retryable.Failover,
	3168: retryable.Failover,
}

// refusals are the numbers that, in answer to COMMIT, mean that nothing was
// committed; 1180 does with one text alone. No other answer but OK says anything for
// sure.
var refusals = map[uint16]bool{
	1047: true, 1205: true, 1213: true, 1290: true, 3100: true, 3101: true,
	4031: true, // the server had hung up before
	1180: true,
}

// Classify judges an error of MySQL, MariaDB or the driver: a pure function. In
// order it looks at the phase, at the error number, and at the text or SQLSTATE only
// where one number has two meanings. Errors it does not know are None, at phase
// Commit CommitUnknown.
func Classify(f retryable.Fault) retryable.Reason {
	if f.Err == nil {
		return retryable.None
	}
	e, server := errors.AsType[*mysql.MySQLError](f.Err)
	switch {
	case server && f.Phase == retryable.Commit:
		if reason := judge(e, f); refusals[e.Number] && (reason != retryable.None || e.Number == 3100) {
			return reason
		}
		return retryable.CommitUnknown
	case server:
		return judge(e, f)
	case f.Phase == retryable.Commit:
		if errors.Is(f.Err, driver.ErrBadConn) { // of this driver alone: not a byte was sent
			return retryable.Disconnected
		}
		return retryable.CommitUnknown
	}
	return judgeDriver(f)
}

func judge(e *mysql.MySQLError, f retryable.Fault) retryable.Reason {
	text := strings.ToLower(e.Message)
	switch e.Number {
	case 1047: // also "Unknown command"
		if strings.Contains(text, "wsrep") {
			return retryable.Failover
		}
		return retryable.None
	case 1290: // also --secure-file-priv, --skip-grant-tables
		if strings.Contains(text, "read-only") || strings.Contains(text, "read_only") {
			return retryable.Failover
		}
		return retryable.None
	case 1792:
		if f.ReadOnly {
			return retryable.None
		}
		return retryable.Failover
	case 1180, 1181:
		if strings.Contains(text, "error 149") {
			return retryable.Serialization
		}
		return retryable.None
	case 1030:
		if strings.Contains(text, "error 28") {
			return retryable.Overloaded
		}
		return retryable.None
	case 1644: // SIGNAL
		if string(e.SQLState[:]) == "40001" {
			return retryable.Serialization
		}
		return retryable.None
	case 4031: // another error on MariaDB
		if strings.Contains(text, "inactivity") {
			return retryable.Disconnected
		}
		return retryable.None
	}
	return byNumber[e.Number]
}

var losses = []error{
	driver.ErrBadConn, mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrBusyBuffer,
	io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, net.ErrClosed,
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH,
}

func judgeDriver(f retryable.Fault) retryable.Reason {
	for _, target := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL} {
		if errors.Is(f.Err, target) {
			return retryable.Overloaded
		}
	}
	for _, target := range losses {
		if errors.Is(f.Err, target) {
			return retryable.Disconnected
		}
	}
	if f.Phase == retryable.Connect {
		_, dns := errors.AsType[*net.DNSError](f.Err)
		_, op := errors.AsType[*net.OpError](f.Err)
		if dns || op {
			return retryable.Disconnected
		}
	}
	if netErr, ok := errors.AsType[net.Error](f.Err); ok && netErr.Timeout() && !errors.Is(f.Err, context.DeadlineExceeded) {
		return retryable.Disconnected
	}
	return retryable.None
}
