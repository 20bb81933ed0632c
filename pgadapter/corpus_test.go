package pgadapter_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/puddle/v2"

	"github.com/reprise-go/reprise/internal/corpus"
	"github.com/reprise-go/reprise/pgadapter"
	"github.com/reprise-go/reprise/retryable"
)

// corpusEngines are those that this adapter judges.
var corpusEngines = map[string]bool{
	"postgresql": true, "pgbouncer": true, "pgpool": true, "aurora-postgresql": true, "aurora-dsql": true,
	"rds-proxy": true, "cockroachdb": true, "yugabytedb": true, "pgx": true, "lib/pq": true, "database/sql": true, "any": true,
}

// TestCorpus: every error of the corpus, as it is and in a tree.
func TestCorpus(t *testing.T) {
	tested := 0
	for _, row := range corpus.Rows() {
		if !corpusEngines[row.Engine] || row.Layer == "errno" || elsewhere[row.ID] != "" {
			continue
		}
		tested++
		t.Run(row.ID, func(t *testing.T) {
			for _, f := range row.Faults(corpusErrors(t, row)...) {
				if row.Layer == "sqlstate" && f.Phase != retryable.Connect && pgadapter.Unusable(f) == row.Reuse {
					t.Errorf("%#v at %v: to be used again: %v", f.Err, f.Phase, !row.Reuse)
				}
				if got := pgadapter.Classify(f); !row.Accepts(f.Phase, got) {
					t.Errorf("%#v at %v: %v, want %v (%s)", f.Err, f.Phase, got, row.Want, row.Note)
				}
			}
		})
	}
	if tested < 200 {
		t.Errorf("%d rows", tested)
	}
}

// TestClassifyTrees: of several errors of servers the strictest counts.
//
// Mutation seen to fail it: the first counts.
func TestClassifyTrees(t *testing.T) {
	starting := &pgconn.PgError{Severity: "FATAL", Code: "57P03"}
	password := &pgconn.PgError{Severity: "FATAL", Code: "28P01"}
	unknown := &pgconn.PgError{Severity: "ERROR", Code: "40003"}
	refused := connectError(opError("connect", syscall.ECONNREFUSED))
	for name, row := range map[string]struct {
		err  error
		want retryable.Reason
	}{
		"the password is wrong on one host":    {errors.Join(starting, fmt.Errorf("x: %w", password)), retryable.None},
		"and the other is not there":           {errors.Join(refused, password), retryable.None},
		"nobody knows":                         {errors.Join(password, fmt.Errorf("%w, %w", starting, unknown)), retryable.CommitUnknown},
		"one is starting and one is not there": {errors.Join(refused, starting), retryable.Failover},
	} {
		if got := pgadapter.Classify(retryable.Fault{Err: row.err, Phase: retryable.Connect}); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// elsewhere are the rows that are no question for Classify, and who answers them.
var elsewhere = map[string]string{
	"pgx-008": "the adapter asks no classifier when the request's own context has ended: TestRule14_StatementsOwnContext",
	"pgx-015": "pgconn.NotPreferredError cannot be made by hand: TestPostgresConnect in internal/provoked",
	"pgx-029": "the adapter remembers the loss: TestRule15_KnownDeadBeforeCommit",
	"go-006":  "no error of its own: TestClassifyTrees",
	"aur-004": "a type of another module",
}

// corpusErrors makes the errors of a row.
func corpusErrors(t *testing.T, row corpus.Row) []error {
	t.Helper()
	if row.Layer == "go" {
		err, ok := goErrors[row.ID]
		if !ok {
			t.Fatal("no error for this row")
		}
		return []error{err}
	}
	// What ends the connection is FATAL, but for errors that show that the server, or
	// what is prepared on it, is not the right one.
	severity := "FATAL"
	switch row.Code {
	case "0A000", "25006", "26000", "42P05", "55000", "XX001", "XX002":
		severity = "ERROR"
	}
	if row.Reuse {
		severity = "ERROR"
	}
	code := strings.Replace(row.Code, "*", "99999", 1)
	var errs []error
	for _, text := range alternatives(row.Message) {
		e := &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code, Message: text}
		if row.Engine == "pgbouncer" || row.Engine == "pgpool" {
			e.SeverityUnlocalized = ""
		}
		if row.ID == "yb-011" { // a text in the detail is somebody else's
			e.Message, e.Detail, _ = strings.Cut(text, " (DETAIL: ")
		}
		errs = append(errs, e)
	}
	return errs
}

// alternatives splits "a (x | y)" and "a | b".
func alternatives(message string) []string {
	before, rest, ok := strings.Cut(message, "(")
	if inside, after, closed := strings.Cut(rest, ")"); ok && closed && strings.Contains(inside, " | ") {
		var out []string
		for _, x := range strings.Split(inside, " | ") {
			out = append(out, before+x+after)
		}
		return out
	}
	return strings.Split(message, " | ")
}

func connectError(err error) error {
	// pgconn does not export how it makes them: have it make one.
	cfg, perr := pgconn.ParseConfig("postgres://u@h/d?sslmode=disable")
	if perr != nil {
		panic(perr)
	}
	cfg.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, err }
	_, cerr := pgconn.ConnectConfig(context.Background(), cfg)
	return cerr
}

func opError(op string, errno syscall.Errno) error {
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, errno)}
}

// goErrors are the rows of the layer "go".
var goErrors = map[string]error{
	"pgx-002":  connectError(opError("connect", syscall.ENOENT)),
	"pgx-004":  connectError(&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}),
	"pgx-005":  connectError(io.ErrUnexpectedEOF),
	"pgx-006":  connectError(opError("read", syscall.ECONNRESET)),
	"pgx-007":  connectError(context.DeadlineExceeded),
	"pgx-009":  connectError(errors.Join(opError("connect", syscall.EHOSTUNREACH), opError("connect", syscall.ENETUNREACH))),
	"pgx-010":  connectError(opError("socket", syscall.EMFILE)),
	"pgx-011":  connectError(errors.New("server refused TLS connection")),
	"pgx-012":  connectError(&tls.CertificateVerificationError{Err: errors.New("x509: unknown authority")}),
	"pgx-013":  connectError(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}),
	"pgx-014":  validateError(),
	"pgx-017":  context.DeadlineExceeded,
	"pgx-019":  puddle.ErrClosedPool,
	"pgx-020":  errors.New("pgxpool: too many failed attempts acquiring connection; likely bug in PrepareConn, BeforeAcquire, or ShouldPing hook"),
	"pgx-021":  io.ErrUnexpectedEOF,
	"pgx-023":  opError("read", syscall.ECONNRESET),
	"pgx-024":  opError("write", syscall.EPIPE),
	"pgx-025":  net.ErrClosed,
	"pgx-026":  pgconn.ErrConnClosed,
	"pgx-028":  pgconn.ErrConnClosed,
	"pgx-030":  errors.New("conn busy"),
	"pgx-031":  pgconn.ErrConnClosed,
	"pgx-032":  io.ErrUnexpectedEOF,
	"pgx-033":  &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded},
	"pgx-034":  pgx.ErrTxClosed,
	"pgx-035":  pgx.ErrTxCommitRollback,
	"pgx-037":  &pgproto3.ExceededMaxBodyLenErr{MaxExpectedBodyLen: 1, ActualBodyLen: 2},
	"pgx-038":  fmt.Errorf("context already done: %w", context.Canceled),
	"go-001":   context.Canceled,
	"go-002":   fmt.Errorf("timeout: %w", context.DeadlineExceeded),
	"go-003":   context.DeadlineExceeded,
	"go-006":   errors.New("of no known kind"),
	"dsq-001":  driver.ErrBadConn,
	"dsq-002":  driver.ErrBadConn,
	"dsq-003":  driver.ErrBadConn,
	"dsq-004":  nil,
	"dsq-008":  sql.ErrNoRows,
	"crdb-024": errors.New("crdb.AmbiguousCommitError"),
	"pq-001":   driver.ErrBadConn,
}

func validateError() error {
	return fmt.Errorf("%w", connectError(errors.New("ValidateConnect failed: read only connection")))
}

// TestErrorsTable: docs/errors.md says what the code does.
func TestErrorsTable(t *testing.T) {
	corpus.CheckTable(t, "PostgreSQL", 60, func(entry corpus.Entry) error {
		severity, code := "ERROR", entry.Code
		if bare, ok := strings.CutPrefix(code, "FATAL "); ok {
			severity, code = "FATAL", bare
		}
		return pgErr(severity, code, entry.Text)
	}, pgadapter.Classify)
}
