package mysqladapter

import (
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/sqltext"
	"github.com/reprise-go/reprise/retryable"
)

const errAccessDenied = 1045

// byNumber holds the error numbers whose meaning needs no second look (MySQL error
// message reference; MariaDB error codes; TiDB error codes).
var byNumber = map[uint16]verdict{
	1213: {reason: retryable.Deadlock, definite: true},
	1614: {reason: retryable.Deadlock, definite: true}, // XA_RBDEADLOCK
	3058: {reason: retryable.Deadlock},                 // of user-level locks
	1205: {reason: retryable.LockTimeout, definite: true},
	3572: {reason: retryable.LockTimeout},                   // NOWAIT, MySQL's
	1020: {reason: retryable.Serialization},                 // MariaDB, innodb_snapshot_isolation
	1412: {reason: retryable.Serialization},                 // somebody's DDL
	1615: {reason: retryable.Serialization},                 // the same
	1243: {reason: retryable.Serialization, drop: true},     // a pooler swapped the server
	3101: {reason: retryable.Serialization, definite: true}, // Group Replication
	3100: {definite: true},

	1021: {reason: retryable.Overloaded}, // disk full
	1037: {reason: retryable.Overloaded},
	1040: {reason: retryable.Overloaded},
	1041: {reason: retryable.Overloaded, drop: true},
	1135: {reason: retryable.Overloaded},
	1203: {reason: retryable.Overloaded},
	1206: {reason: retryable.Overloaded},
	1297: {reason: retryable.Overloaded}, // NDB
	1461: {reason: retryable.Overloaded},
	1637: {reason: retryable.Overloaded},
	9501: {reason: retryable.Overloaded, drop: true}, // RDS Proxy

	1042: {reason: retryable.Disconnected},
	1043: {reason: retryable.Disconnected},
	1080: {reason: retryable.Disconnected},
	1152: {reason: retryable.Disconnected},
	1158: {reason: retryable.Disconnected},
	1159: {reason: retryable.Disconnected},
	1160: {reason: retryable.Disconnected},
	1161: {reason: retryable.Disconnected},
	1184: {reason: retryable.Disconnected},
	1927: {reason: retryable.Disconnected},
	2006: {reason: retryable.Disconnected}, // these are of clients; proxies send them
	2012: {reason: retryable.Disconnected},
	2013: {reason: retryable.Disconnected},
	2014: {reason: retryable.Disconnected},
	2027: {reason: retryable.Disconnected},
	2045: {reason: retryable.Disconnected},
	2055: {reason: retryable.Disconnected},

	1053: {reason: retryable.Failover},
	1077: {reason: retryable.Failover},
	1079: {reason: retryable.Failover},
	1836: {reason: retryable.Failover},
	1874: {reason: retryable.Failover},
	2002: {reason: retryable.Failover},
	2003: {reason: retryable.Failover},
	3032: {reason: retryable.Failover},
	3168: {reason: retryable.Failover},

	// Mistakes of the program that COMMIT may answer, definitely: of XA, and, on
	// TiDB, constraints that are looked at late.
	1062: {definite: true},
	1397: {definite: true},
	1398: {definite: true},
	1399: {definite: true},
	1400: {definite: true},
	1451: {definite: true},
	1452: {definite: true},

	1153: {drop: true}, // too big a packet: the server hangs up, and would again

	8002: {reason: retryable.Serialization, definite: true}, // TiDB from here on
	8005: {reason: retryable.Serialization, definite: true},
	8022: {reason: retryable.Serialization, definite: true},
	8028: {reason: retryable.Serialization, definite: true},
	8055: {reason: retryable.Serialization, definite: true},
	9007: {reason: retryable.Serialization, definite: true},
	8111: {reason: retryable.Serialization, drop: true},
	8113: {reason: retryable.Serialization, drop: true},
	8027: {reason: retryable.Failover}, // this node lost its lease: another may serve
	8004: {definite: true},
	8141: {definite: true},
	8147: {definite: true},
	9500: {definite: true},
	8176: {reason: retryable.Overloaded, definite: true},
	8252: {reason: retryable.Overloaded, definite: true},
	9002: {reason: retryable.Overloaded, definite: true}, // what is undetermined comes as a cut link
	9003: {reason: retryable.Overloaded, definite: true},
	9004: {reason: retryable.Overloaded, definite: true},
	9005: {reason: retryable.Overloaded, definite: true},
	9008: {reason: retryable.Overloaded, definite: true},
	9009: {reason: retryable.Overloaded, definite: true},
	9010: {reason: retryable.Overloaded, definite: true},
	9012: {reason: retryable.Overloaded, definite: true},
	9013: {reason: retryable.Overloaded, definite: true},
}

// judgeServer judges what the server said.
func judgeServer(e *mysql.MySQLError, f retryable.Fault) verdict {
	if texts := rules[e.Number]; len(texts) > 0 {
		message := sqltext.Fold(e.Message)
		for _, r := range texts {
			if message.Contains(r.fragment) && (r.flavour == "" || strings.Contains(f.Server, r.flavour)) {
				return r.verdict
			}
		}
	}
	switch e.Number {
	case 1105:
		return judgeUnknown(e, f)
	case 1644: // SIGNAL: the one case in which the SQLSTATE says more than the number
		if string(e.SQLState[:]) == "40001" {
			return verdict{reason: retryable.Serialization}
		}
	case 1792: // of our own making where we began READ ONLY
		if !f.ReadOnly {
			return verdict{reason: retryable.Failover}
		}
	}
	if v, ok := byNumber[e.Number]; ok {
		return v
	}
	if e.Number >= 8000 {
		if message := sqltext.Fold(e.Message); message.Contains(tidbRule) {
			return verdict{reason: retryable.Serialization, definite: true}
		}
	}
	return verdict{}
}

// judgeUnknown judges 1105, "unknown error", which is all that Vitess says in its own
// words, and TiDB at times.
func judgeUnknown(e *mysql.MySQLError, f retryable.Fault) verdict {
	if number, state, ok := inner(e.Message); ok && number != 1105 {
		return judgeServer(&mysql.MySQLError{Number: number, SQLState: state, Message: e.Message}, f)
	}
	message := sqltext.Fold(e.Message)
	for _, r := range unknownRules {
		if message.Contains(r.fragment) {
			return r.verdict
		}
	}
	return verdict{}
}

// inner takes the number and the state of a shard's own error out of a text of Vitess:
// "... (errno 1213) (sqlstate 40001)".
func inner(text string) (number uint16, state [5]byte, ok bool) {
	_, rest, found := strings.Cut(text, "(errno ")
	digits, rest, closed := strings.Cut(rest, ")")
	if !found || !closed {
		return 0, state, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0, state, false
	}
	if _, rest, found = strings.Cut(rest, "(sqlstate "); found && len(rest) >= len(state) {
		copy(state[:], rest)
	}
	return uint16(n), state, true
}
