package pgadapter

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/internal/errtree"
	"github.com/reprise-go/reprise/internal/sqltext"
	"github.com/reprise-go/reprise/retryable"
)

// Classify judges an error of PostgreSQL, of what speaks its protocol, or of pgx: a
// pure function. In order it looks at the phase, at the severity, at the SQLSTATE,
// and at the text only where one code has two meanings. Errors it does not know are
// None. The table in docs/errors.md shows all of it.
//
// At phase Commit nothing but the server's own refusal (severity ERROR) is a reason to
// replay; every other failure is CommitUnknown. A time limit is taken for the
// connection's or the pool's own, since the adapter asks only while the caller's
// context is alive.
func Classify(f retryable.Fault) retryable.Reason { return judge(f).reason }

// Unusable reports whether a connection must not be used again after an error, although
// it may look alive: after a FATAL error, after one that shows the wrong server at the
// other end, or one about the statements prepared on it.
func Unusable(f retryable.Fault) bool { return judge(f).drop }

// verdict is what is to be thought of an error.
type verdict struct {
	reason retryable.Reason
	drop   bool // the connection must not be used again
}

func judge(f retryable.Fault) verdict {
	if f.Err == nil || errors.Is(f.Err, pgx.ErrTxClosed) || errors.Is(f.Err, pgx.ErrTxCommitRollback) {
		return verdict{}
	}
	e := serverError(f.Err)
	switch {
	case e != nil && f.Phase == retryable.Commit:
		return refusal(e, f)
	case e != nil:
		return judgeServer(e, f)
	case f.Phase == retryable.Commit:
		return verdict{retryable.CommitUnknown, true}
	}
	reason := judgeDriver(f)
	return verdict{reason, reason.Outage()}
}

// serverError returns what the server said, nil if it said nothing. Of several in one
// tree, as from the hosts of one URL, the strictest counts: one that does not know
// what was committed, then one about a password or a role, which must not be tried
// again and again; then the first.
func serverError(err error) *pgconn.PgError {
	e, _ := errtree.Strictest(err, strictness)
	return e
}

func strictness(e *pgconn.PgError) int {
	switch {
	case byCode[e.Code] == retryable.CommitUnknown:
		return 2
	case class(e) == "28":
		return 1
	}
	return 0
}

// refusal judges the server's answer to COMMIT. An ERROR is a definite rollback, but
// for the codes that say that they do not know; all else leaves the outcome open.
func refusal(e *pgconn.PgError, f retryable.Fault) verdict {
	v := judgeServer(e, f)
	if fatal(e) || v.reason.Lost() || class(e) == "08" {
		return verdict{retryable.CommitUnknown, true}
	}
	return v
}

func judgeServer(e *pgconn.PgError, f retryable.Fault) verdict {
	reason := reasonOf(e, f)
	stale := e.Code == "0A000" && reason != retryable.None // its plans are cached in the connection
	return verdict{reason, fatal(e) || reason.Lost() || stale || dropped[e.Code]}
}

func reasonOf(e *pgconn.PgError, f retryable.Fault) retryable.Reason {
	if texts := rules[e.Code]; len(texts) > 0 {
		message := sqltext.Fold(e.Message)
		for _, t := range texts {
			if message.Contains(t.fragment) {
				return t.reason
			}
		}
	}
	// Without a READ ONLY transaction of ours it is the server that takes no writes: a
	// standby, or a primary on its way down.
	if e.Code == "25006" && !f.ReadOnly {
		return retryable.Failover
	}
	if reason, ok := byCode[e.Code]; ok {
		return reason
	}
	if class(e) == "08" { // an ERROR is about somebody else's connection: dblink, postgres_fdw
		if severity(e) == "ERROR" && f.Phase != retryable.Connect {
			return retryable.None
		}
		return retryable.Disconnected
	}
	if !fatal(e) || f.Phase == retryable.Connect && refused[class(e)] {
		return retryable.None
	}
	return retryable.Disconnected
}

func class(e *pgconn.PgError) string { return e.Code[:min(2, len(e.Code))] }

// severity returns the severity in English: servers before 9.6, and poolers, send no
// other than the localized one.
func severity(e *pgconn.PgError) string {
	if e.SeverityUnlocalized != "" {
		return e.SeverityUnlocalized
	}
	return e.Severity
}

func fatal(e *pgconn.PgError) bool { s := severity(e); return s == "FATAL" || s == "PANIC" }
