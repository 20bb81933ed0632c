package mysqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/reprise-go/reprise/internal/corpus"
	"github.com/reprise-go/reprise/mysqladapter"
	"github.com/reprise-go/reprise/retryable"
)

// versions are what the servers of the corpus say they are.
var versions = map[string]string{
	"mysql": "8.4.3", "mariadb": "10.11.6-MariaDB", "galera": "10.11.6-MariaDB-log", "maxscale": "10.11.6-MariaDB",
	"tidb": "8.0.11-TiDB-v7.5.0", "vitess": "8.0.30-Vitess", "proxysql": "8.0.30", "rds-proxy": "8.0.35",
	"mysql+mariadb": "", "go-sql-driver": "",
}

// elsewhere are the rows that are no question for Classify, and who answers them.
var elsewhere = map[string]string{
	"gmy-004": "the adapter remembers the loss: TestCommitOnAClosedConnection",
	"gmy-017": "only the server knows why rejectReadOnly hung up; it is replayed all the same: TestADemotedPrimary",
	"gmy-018": "the adapter remembers that the context ended: TestAnAbandonedStatementIsKilled",
}

// TestCorpus: every error of the corpus, as it is and in a tree, with the server known
// and unknown.
func TestCorpus(t *testing.T) {
	tested := 0
	for _, row := range corpus.Rows() {
		version, ours := versions[row.Engine]
		if !ours || row.Layer == "sqlstate" || elsewhere[row.ID] != "" {
			continue
		}
		tested++
		t.Run(row.ID, func(t *testing.T) {
			for _, f := range row.Faults(corpusErrors(t, row)...) {
				for _, f.Server = range []string{version, ""} {
					if got := mysqladapter.Classify(f); !row.Accepts(f.Phase, got) {
						t.Errorf("%v at %v: %v, want %v (%s)", f.Err, f.Phase, got, row.Want, row.Note)
					}
				}
			}
		})
	}
	if tested < 150 {
		t.Errorf("%d rows", tested)
	}
}

// corpusErrors makes the errors of a row.
func corpusErrors(t *testing.T, row corpus.Row) (errs []error) {
	t.Helper()
	if row.Layer == "go" {
		err, ok := goErrors[row.ID]
		if !ok {
			t.Fatal("no error for this row")
		}
		return []error{err}
	}
	number, err := strconv.ParseUint(row.Code, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range strings.Split(row.Message, " | ") {
		e := &mysql.MySQLError{Number: uint16(number), Message: text}
		if strings.Contains(text, "SQLSTATE '40001'") {
			e.SQLState = [5]byte{'4', '0', '0', '0', '1'}
		}
		errs = append(errs, e)
	}
	return errs
}

// goErrors are the rows of the layer "go".
var goErrors = map[string]error{
	"tidb-041": mysql.ErrInvalidConn,
	"gmy-001":  driver.ErrBadConn,
	"gmy-002":  mysql.ErrInvalidConn,
	"gmy-003":  mysql.ErrInvalidConn,
	"gmy-005":  mysql.ErrInvalidConn,
	"gmy-006":  mysql.ErrMalformPkt,
	"gmy-007":  mysql.ErrPktSync,
	"gmy-011":  mysql.ErrPktTooLarge,
	"gmy-012":  mysql.ErrNoTLS,
	"gmy-013":  io.ErrShortWrite,
	"gmy-015":  &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.ENOENT)},
}

// TestClassifyOthers: contexts are their owners', a socket's time limit is not; one
// tree may hold several answers.
func TestClassifyOthers(t *testing.T) {
	dead := &mysql.MySQLError{Number: 1053}
	for name, row := range map[string]struct {
		err   error
		phase retryable.Phase
		want  retryable.Reason
	}{
		"canceled":        {context.Canceled, retryable.Statement, retryable.None},
		"deadline":        {context.DeadlineExceeded, retryable.Statement, retryable.None},
		"socket's limit":  {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, retryable.Statement, retryable.Disconnected},
		"no name":         {&net.DNSError{IsNotFound: true}, retryable.Connect, retryable.Disconnected},
		"no files":        {os.NewSyscallError("socket", syscall.EMFILE), retryable.Connect, retryable.Overloaded},
		"wrong password":  {errors.Join(dead, &mysql.MySQLError{Number: 1045}), retryable.Connect, retryable.None},
		"a text":          {errors.New("invalid connection"), retryable.Statement, retryable.None},
		"a text, COMMIT":  {errors.New("invalid connection"), retryable.Commit, retryable.CommitUnknown},
		"canceled COMMIT": {context.Canceled, retryable.Commit, retryable.CommitUnknown},
	} {
		if got := mysqladapter.Classify(retryable.Fault{Err: row.err, Phase: row.phase}); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// FuzzClassify: no error makes it panic, and in answer to COMMIT nothing but a number
// is a reason to replay.
func FuzzClassify(f *testing.F) {
	f.Add(uint16(1105), "(errno 1213) (sqlstate 40001)", "8.0.30-Vitess", uint8(2), true)
	f.Add(uint16(1105), "(errno 1105", "", uint8(1), true)
	f.Add(uint16(0), "", "", uint8(2), false)
	f.Fuzz(func(t *testing.T, number uint16, text, server string, phase uint8, answered bool) {
		err := errors.New(text)
		if answered {
			err = &mysql.MySQLError{Number: number, Message: text}
		}
		got := mysqladapter.Classify(retryable.Fault{
			Err: fmt.Errorf("x: %w", err), Phase: retryable.Phase(phase % 3), Server: server,
		})
		if phase%3 == 2 && got.Replayable() && !answered {
			t.Errorf("%v at COMMIT: %v", err, got)
		}
	})
}

// BenchmarkClassify: a verdict must be cheaper than anything around it.
func BenchmarkClassify(b *testing.B) {
	for name, err := range map[string]error{
		"server":      fmt.Errorf("x: %w", &mysql.MySQLError{Number: 1213, Message: "Deadlock found when trying to get lock; try restarting transaction"}),
		"by text":     fmt.Errorf("x: %w", &mysql.MySQLError{Number: 1105, Message: "vttablet: rpc error: code = Unavailable desc = gone"}),
		"no text":     &mysql.MySQLError{Number: 1105, Message: "other error: unknown error Wire Error(InvalidEnumValue(4004))"},
		"own mistake": &mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'x' for key 'k'"},
		"driver":      fmt.Errorf("x: %w", mysql.ErrInvalidConn),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f := retryable.Fault{Err: err, Phase: retryable.Statement}
			for b.Loop() {
				_ = mysqladapter.Classify(f)
			}
		})
	}
}

// TestErrorsTable: docs/errors.md says what the code does.
func TestErrorsTable(t *testing.T) {
	corpus.CheckTable(t, "MySQL", 70, func(entry corpus.Entry) error {
		number, err := strconv.ParseUint(entry.Code, 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		return my(uint16(number), entry.Text)
	}, mysqladapter.Classify)
}
